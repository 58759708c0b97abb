// The files that `export` and `replay` were given, open for reading for as long as the command
// runs. What is read of a file is what it held when it was opened: the daemon may go on writing to
// it.

import CLinuxSys
import TinyCoT

struct DumpInputs: BitwiseCopyable {
    private var descriptors: InlineArray<64, Int32> = .init(repeating: -1)
    private var sizes: InlineArray<64, Int64> = .init(repeating: 0)
    private let invocation: Invocation
    private let startup: StartupMemory

    var count: Int { invocation.operandCount }

    /// Says on standard error which one cannot be opened.
    init(_ invocation: Invocation, _ startup: StartupMemory) throws(ExitCode) {
        self.invocation = invocation
        self.startup = startup
        var i = 0
        while i < count {
            let path = path(i)
            let descriptor = tcs_open_for_reading(path)
            if descriptor < 0 { throw refuse(i, descriptor) }
            var status = tcs_file_status()
            let result = tcs_status_of_descriptor(descriptor, &status)
            if result < 0 { throw refuse(i, result) }
            if status.is_directory == 1 {
                say(i, ": is a folder; name the files in it.\n")
                throw .noInput
            }
            descriptors[i] = descriptor
            sizes[i] = status.size_bytes
            i += 1
        }
    }

    private func path(_ index: Int) -> UnsafePointer<CChar> {
        guard let path = tcs_argument(Int32(invocation.operandArgument(index))) else {
            invariantBroken("an operand that was counted is there")
        }
        return path
    }

    private func refuse(_ index: Int, _ result: Int32) -> ExitCode {
        complain("cannot read ", Slab(cString: path(index)), reason: -result, startup: startup)
        return result == -tcs_errno_access ? .noPermission : .noInput
    }

    /// A sentence about one file.
    func say(_ index: Int, _ rest: StaticString) {
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: ")
        writer.append(Slab(cString: path(index)), as: .plain)
        writer.append(rest)
        Console.write(writer.written, to: Console.error)
    }

    /// Fills `buffer` as far as `end` of the file, or the file itself, lets it.
    /// - Returns: how many bytes; 0 at the end.
    func read(
        _ index: Int, at offset: Int64, end: Int64, into buffer: Slab<UInt8>
    ) throws(ExitCode) -> Int {
        let wanted = Int(min(Int64(buffer.count), min(end, sizes[index]) - offset))
        var count = 0
        while count < wanted {
            let result = tcs_read_at(
                descriptors[index], buffer.pointer(at: count), wanted - count,
                offset + Int64(count))
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 { throw refuse(index, Int32(result)) }
            if result == 0 { break }
            count += Int(result)
        }
        return count
    }
}
