// Starting the store touches the folder and the catalogue; either can fail.

import TinyCoT

public enum StoreError: Error, BitwiseCopyable, Sendable {
    case files(FileError)
    case catalogue(CatalogueError)

    /// One sentence, without a full stop at the end.
    public func write(into writer: inout ByteWriter) {
        switch self {
        case .files(let error): error.write(into: &writer)
        case .catalogue(let error): error.write(into: &writer)
        }
    }
}
