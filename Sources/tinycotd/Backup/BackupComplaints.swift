// What `backup` and `restore` say when something goes wrong: one sentence on standard error, and
// the exit code that belongs to it.

import PackageStore
import TinyCoT

extension PackagesJob {
    /// Runs something that the system may refuse.
    @discardableResult
    func attempt<R: ~Copyable>(
        _ what: StaticString, _ path: Slab<UInt8>, _ body: () throws(FolderError) -> R
    ) throws(ExitCode) -> R {
        do throws(FolderError) {
            return try body()
        } catch { throw fail(what, path, nil, error.errno) }
    }

    /// What was tried, on which file of which folder, and what the system said.
    func fail(
        _ what: StaticString, _ folder: Slab<UInt8>, _ name: EntryName?, _ number: Int32
    ) -> ExitCode {
        var writer = beginComplaint()
        writer.append(what)
        appendPath(folder, name, &writer)
        writer.append(reason: number)
        writer.append("\n")
        Console.write(writer.written, to: Console.error)
        return ExitCode(error: number)
    }

    /// A file could not be read in the one folder, or not be written in the other.
    func fail(
        _ failure: FileCopy.Failure, from source: Slab<UInt8>, to target: Slab<UInt8>,
        _ name: EntryName
    ) -> ExitCode {
        switch failure {
        case .source(let number): fail("cannot read ", source, name, number)
        case .target(let number): fail("cannot write ", target, name, number)
        }
    }

    /// A sentence about a folder.
    func refuse(_ folder: Slab<UInt8>, _ sentence: StaticString, _ code: ExitCode) -> ExitCode {
        refuse(folder, nil, sentence, code)
    }

    /// A sentence about a file in a folder.
    func refuse(
        _ folder: Slab<UInt8>, _ name: EntryName?, _ sentence: StaticString, _ code: ExitCode
    ) -> ExitCode {
        var writer = beginComplaint()
        appendPath(folder, name, &writer)
        writer.append(sentence)
        writer.append("\n")
        Console.write(writer.written, to: Console.error)
        return code
    }

    private func appendPath(
        _ folder: Slab<UInt8>, _ name: EntryName?, _ writer: inout ByteWriter
    ) {
        writer.append(folder, as: .plain)
        guard let name else { return }
        writer.append("/")
        _ = name.withBytes { writer.append($0, as: .plain) }
    }
}
