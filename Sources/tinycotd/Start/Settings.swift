// Which files and folders a command works with: what the command line names, else the usual
// places. A file that was named must exist; a usual one that does not stands for the defaults.

import CLinuxSys
import TinyCoT

/// One of the two files.
struct SettingsFile {
    let path: UnsafePointer<CChar>
    var mustExist: Bool

    var text: Slab<UInt8> { Slab(cString: path) }
}

struct Settings {
    var config: SettingsFile
    var budget: SettingsFile
    /// As given by --run-dir; nil leaves the choice to `RunDirectory`.
    let runDirectory: UnsafePointer<CChar>?
    /// As given by --state-dir; nil leaves the choice to `StateDirectory`.
    let stateDirectory: UnsafePointer<CChar>?
    /// The archive that `doctor` shall write; nil for none.
    let bundle: UnsafePointer<CChar>?

    init(_ invocation: Invocation) {
        config = Settings.file(invocation, .config, "/etc/tinycot/tinycot.json")
        budget = Settings.file(invocation, .budget, "/etc/tinycot/budget.json")
        runDirectory = Settings.value(invocation, .runDirectory)
        stateDirectory = Settings.value(invocation, .stateDirectory)
        bundle = Settings.value(invocation, .bundle)
    }

    private static func file(
        _ invocation: Invocation, _ option: Invocation.Option, _ usual: StaticString
    ) -> SettingsFile {
        if let path = value(invocation, option) { return SettingsFile(path: path, mustExist: true) }
        // A literal ends in a zero byte, as C wants it.
        let path = UnsafeRawPointer(usual.utf8Start).assumingMemoryBound(to: CChar.self)
        return SettingsFile(path: path, mustExist: false)
    }

    /// The path or name behind an option, ended by a zero.
    static func value(_ invocation: Invocation, _ option: Invocation.Option)
        -> UnsafePointer<CChar>?
    {
        let number = invocation.valueArgument(option)
        if number == 0 { return nil }
        return tcs_argument(Int32(number)).map { $0 + invocation.valueOffset(option) }
    }
}

/// What came of reading a file: its bytes, or the built-in defaults.
struct LoadedFile {
    var bytes: Slab<UInt8>
    var exists: Bool
}

extension SettingsFile {
    /// An absent file reads as an empty object: all defaults.
    static var nothing: StaticString { "{}" }

    /// Reads the file, or says on standard error why not.
    /// - Parameter buffer: one byte longer than the file may be.
    func load(into buffer: Slab<UInt8>, complaint: Slab<UInt8>) throws(ExitCode) -> LoadedFile {
        let count = Files.read(path, into: buffer)
        if count >= 0 && count < Int64(buffer.count) {
            return LoadedFile(bytes: buffer.slice(0, Int(count)), exists: true)
        }
        if count == -Int64(tcs_errno_absent) && !mustExist {
            // The parsers may decode in place, so the literal is copied.
            let nothing = Slab(SettingsFile.nothing)
            buffer.copy(nothing, to: 0)
            return LoadedFile(bytes: buffer.slice(0, nothing.count), exists: false)
        }
        var writer = ByteWriter(complaint)
        writer.append("tinycot: ")
        if count < 0 {
            writer.append("cannot read ")
            writer.append(text, as: .plain)
            writer.append(reason: Int32(-count))
        } else {
            ConfigError.fileTooLarge(bytes: Int(count), limit: buffer.count - 1)
                .write(file: text, into: &writer)
        }
        writer.append("\n")
        Console.write(writer.written, to: Console.error)
        throw count < 0 ? .noInput : .configuration
    }
}

extension ConfigError {
    /// One sentence on standard error.
    func complain(about file: SettingsFile, startup: StartupMemory) {
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: ")
        write(file: file.text, into: &writer)
        writer.append("\n")
        Console.write(writer.written, to: Console.error)
    }
}

/// One sentence on standard error: what was tried, on what, and what the system said.
func complain(
    _ what: StaticString, _ object: Slab<UInt8>, reason number: Int32, startup: StartupMemory
) {
    var writer = ByteWriter(startup.text)
    writer.append("tinycot: ")
    writer.append(what)
    writer.append(object, as: .plain)
    writer.append(reason: number)
    writer.append("\n")
    Console.write(writer.written, to: Console.error)
}
