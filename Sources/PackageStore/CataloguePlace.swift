// Where the database lies: `catalogue.db` in the state folder, with its journal beside it. A broken
// one is kept as `catalogue.broken.db`, the last one only, for somebody to look at.

import CLinuxSys
import TinyCoT

struct CataloguePlace: ~Copyable {
    /// The longest path of a folder. The system calls take longer ones, but SQLite takes 512 bytes
    /// with the names of its files.
    static var folderBytes: Int { 512 - 17 }

    private let folder: Int32
    private let path: InlineArray<512, UInt8>

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
        folder = try FileError.check(.openState, tcs_open_folder(text))
        self.path = path
    }

    deinit { _ = tcs_close(folder) }

    func open(_ settings: DatabaseSettings) throws(CatalogueError) -> Database {
        let copy = path
        return try withUnsafePointer(to: copy) { pointer throws(CatalogueError) in
            let text = UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self)
            return try Database(path: text, settings)
        }
    }

    /// May this process write to the database?
    var isWritable: Bool {
        FileName("catalogue.db").withText { tcs_file_may_write(folder, $0) } >= 0
    }

    /// Brings the name of a new database to the disk.
    func sync() throws(FileError) { try FileError.check(.syncState, tcs_sync(folder)) }

    /// The journal first: it must never be taken for that of the next database.
    func setAside() throws(FileError) {
        try rename("catalogue.db-wal", "catalogue.broken.db-wal")
        try rename("catalogue.db", "catalogue.broken.db")
        try sync()
    }

    private func rename(_ from: StaticString, _ to: StaticString) throws(FileError) {
        let target = FileName(to)
        let result = FileName(from).withText { old in
            target.withText { new in tcs_file_rename(folder, old, new) }
        }
        if result == -tcs_errno_absent {
            // What an earlier one left would not belong to this one.
            _ = target.withText { tcs_file_unlink(folder, $0) }
            return
        }
        try FileError.check(.setAside, result)
    }
}
