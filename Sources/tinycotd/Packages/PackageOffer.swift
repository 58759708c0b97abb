// The file that `packages add` was given: opened, and its name and team checked, before anybody is
// asked to take it. Read once, from beginning to end.

import CLinuxSys
import PackageStore
import TinyCoT

/// Owns the descriptor of the file.
struct PackageOffer: ~Copyable {
    let path: Slab<UInt8>
    let name: Slab<UInt8>
    /// Empty if none was named.
    let team: Slab<UInt8>
    let tool: StaticString
    /// When it was opened.
    let sizeBytes: Int64
    private let descriptor: FileDescriptor

    private init(
        _ path: Slab<UInt8>, _ descriptor: consuming FileDescriptor, sizeBytes: Int64,
        _ job: PackagesJob
    ) {
        self.path = path
        self.descriptor = descriptor
        self.sizeBytes = sizeBytes
        let given = Settings.value(job.invocation, .name).map { Slab(cString: $0) }
        name = given ?? PackageOffer.lastPart(path)
        team = Settings.value(job.invocation, .team).map { Slab(cString: $0) } ?? Slab("")
        tool = job.invocation.wantsPrivate ? "private" : "public"
    }

    static func open(_ job: PackagesJob) throws(ExitCode) -> PackageOffer {
        let file = PackagesCommand.operand(job)
        let path = Slab(cString: file)
        let descriptor = FileDescriptor(owning: tcs_open_for_reading(file))
        if !descriptor.isOpen {
            complain("cannot read ", path, reason: -descriptor.raw, startup: job.startup)
            throw .noInput
        }
        var status = tcs_file_status()
        let known = tcs_status_of_descriptor(descriptor.raw, &status)
        if known < 0 || status.is_directory == 1 || status.size_bytes == 0 {
            var writer = job.beginComplaint()
            writer.append(path, as: .plain)
            writer.append(
                status.is_directory == 1 ? " is a folder.\n" : " is empty, or not a plain file.\n")
            Console.write(writer.written, to: Console.error)
            throw .noInput
        }
        let offer = PackageOffer(path, descriptor, sizeBytes: status.size_bytes, job)
        try check(offer.name, PackageLimits.nameBytes, "the name ", job)
        if offer.team.count > 0 {
            try check(offer.team, PackageLimits.teamBytes, "the team ", job)
        }
        return offer
    }

    /// The next bytes of the file; none at its end.
    func read(into buffer: Slab<UInt8>, _ job: PackagesJob) throws(ExitCode) -> Slab<UInt8> {
        while true {
            let result = tcs_read(descriptor.raw, buffer.start, buffer.count)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result >= 0 { return buffer.slice(0, Int(result)) }
            complain("cannot read ", path, reason: Int32(-result), startup: job.startup)
            throw .noInput
        }
    }

    private static func lastPart(_ path: Slab<UInt8>) -> Slab<UInt8> {
        var start = path.count
        while start > 0 && path[start - 1] != UInt8(ascii: "/") { start -= 1 }
        return path.slice(start, path.count - start)
    }

    private static func check(
        _ text: Slab<UInt8>, _ maxBytes: Int, _ what: StaticString, _ job: PackagesJob
    ) throws(ExitCode) {
        var isClean = text.count > 0
        var i = 0
        while i < text.count {
            if text[i] < 0x20 || text[i] == 0x7F { isClean = false }
            i += 1
        }
        if isClean && text.count <= maxBytes { return }
        var writer = job.beginComplaint()
        writer.append(what)
        writer.append(UInt8(ascii: "\""))
        writer.append(text, as: .plain, maxColumns: 80)
        writer.append(
            isClean
                ? "\" is too long: at most " : "\" is empty or holds control characters; at most ")
        writer.append(decimal: maxBytes)
        writer.append(" bytes of text are allowed.\n")
        Console.write(writer.written, to: Console.error)
        throw .usage
    }
}
