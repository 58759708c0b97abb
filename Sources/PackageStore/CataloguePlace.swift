// Where the database lies: `catalogue.db` in the state folder, with its journal beside it. A broken
// one is kept as `catalogue.broken.db`, the last one only, for somebody to look at.
//
// The folder is opened when something is done in it and closed again: with the database, its
// journal and the folder that SQLite itself opens, the plan's descriptors are used up.

import CLinuxSys
import TinyCoT

struct CataloguePlace: BitwiseCopyable {
    /// The longest path of a folder. The system calls take longer ones, but SQLite takes 512 bytes
    /// with the names of its files.
    static var folderBytes: Int { 512 - 17 }

    /// The folder and the name of the database, with a zero behind.
    private let path: InlineArray<512, UInt8>
    private let folderCount: Int

    /// - Parameter folder: an existing folder, ended by a zero.
    init(folder text: UnsafePointer<CChar>) throws(FileError) {
        var path = InlineArray<512, UInt8>(repeating: 0)
        var length = 0
        while length < CataloguePlace.folderBytes && text[length] != 0 {
            path[length] = UInt8(bitPattern: text[length])
            length += 1
        }
        if text[length] != 0 {
            throw FileError(step: .openState, errno: tcs_errno_name_too_long)
        }
        let name: StaticString = "/catalogue.db"
        var i = 0
        while i < name.utf8CodeUnitCount {
            path[length + i] = name.utf8Start[i]
            i += 1
        }
        self.path = path
        folderCount = length
        _ = tcs_close(try openFolder())
    }

    /// The caller closes it.
    private func openFolder() throws(FileError) -> Int32 {
        var text = path
        text[folderCount] = 0
        let result = withUnsafePointer(to: text) { pointer in
            tcs_open_folder(UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
        }
        return try FileError.check(.openState, result)
    }

    func open(_ settings: DatabaseSettings) throws(CatalogueError) -> Database {
        try withUnsafePointer(to: path) { pointer throws(CatalogueError) in
            let text = UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self)
            return try Database(path: text, settings)
        }
    }

    /// May this process write to the database?
    var isWritable: Bool {
        do throws(FileError) {
            let folder = try openFolder()
            let result = FileName("catalogue.db").withText { tcs_file_may_write(folder, $0) }
            _ = tcs_close(folder)
            return result >= 0
        } catch { return false }
    }

    /// Brings the name of a new database to the disk.
    func sync() throws(FileError) {
        let folder = try openFolder()
        let result = tcs_sync(folder)
        _ = tcs_close(folder)
        try FileError.check(.syncState, result)
    }

    /// The journal first: it must never be taken for that of the next database. Only while the
    /// database is closed.
    func setAside() throws(FileError) {
        let folder = try openFolder()
        var result = rename(folder, "catalogue.db-wal", "catalogue.broken.db-wal")
        if result >= 0 { result = rename(folder, "catalogue.db", "catalogue.broken.db") }
        _ = tcs_close(folder)
        try FileError.check(.setAside, result)
        try sync()
    }

    private func rename(_ folder: Int32, _ from: StaticString, _ to: StaticString) -> Int32 {
        let target = FileName(to)
        let result = FileName(from).withText { old in
            target.withText { new in tcs_file_rename(folder, old, new) }
        }
        if result != -tcs_errno_absent { return result }
        // What an earlier one left would not belong to this one.
        _ = target.withText { tcs_file_unlink(folder, $0) }
        return 0
    }
}
