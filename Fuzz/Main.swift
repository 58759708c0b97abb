// What libFuzzer calls. One program holds all targets, because building them is what takes long;
// TINYCOT_FUZZ says which one is to run. Built by `scripts/fuzz` from these files and those of the
// core in one module, so that a target can call whatever the core has.

import Glibc

private func target(named name: String) -> ((FuzzInput) -> Void)? {
    switch name {
    case "http": FuzzHTTP.run
    case "multipart": FuzzMultipart.run
    case "url": FuzzURL.run
    case "video": FuzzVideo.run
    case "json": FuzzJSON.run
    case "cot": FuzzCoT.run
    case "state": FuzzState.run
    default: nil
    }
}

nonisolated(unsafe) private var chosen: ((FuzzInput) -> Void)?

private func say(_ text: String) { fputs(text + "\n", stderr) }

@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>
) -> CInt {
    invariantSink = { sentence, file, line in say("\(file):\(line): not true: \(sentence)") }
    let name = getenv("TINYCOT_FUZZ").map { String(cString: $0) } ?? ""
    chosen = target(named: name)
    if chosen == nil {
        say("fuzz: no target \"\(name)\" in TINYCOT_FUZZ; scripts/fuzz knows their names")
        exit(64)
    }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    chosen?(FuzzInput(UnsafeBufferPointer(start: data, count: count)))
    return 0
}
