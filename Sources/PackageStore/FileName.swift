// The names of the files in the folder of packages. There are two kinds, both made from numbers:
// `<sha256>.zip` for a whole package and `tmp-<16 digits>` for an upload that is being written.
// Nothing that a client sends becomes part of a name.

import TinyCoT

/// A name with a zero behind it, for the system calls.
struct FileName: BitwiseCopyable {
    static var capacity: Int { 72 }
    private var bytes = InlineArray<72, UInt8>(repeating: 0)

    init(_ hash: SHA256Digest) {
        make { writer in
            hash.append(to: &writer)
            writer.append(".zip")
        }
    }

    init(temporary number: UInt64) {
        make { writer in
            writer.append("tmp-")
            writer.append(hex: number, digits: 16)
        }
    }

    /// A dump file. Eight digits and more, so that a listing by name is one by age.
    init(dump number: UInt64) {
        make { writer in
            writer.append("cot-")
            writer.append(decimal: Int64(clamping: number), minDigits: 8)
            writer.append(".xml")
        }
    }

    init(_ text: StaticString) { make { writer in writer.append(text) } }

    private mutating func make(_ write: (inout ByteWriter) -> Void) {
        withUnsafeMutablePointer(to: &bytes) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: FileName.capacity - 1))
            write(&writer)
            invariant(!writer.overflowed, "a file name fits")
        }
    }

    /// Calls `body` with the text.
    func withText(_ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
        withUnsafePointer(to: bytes) { pointer in
            body(UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
        }
    }
}

/// What a name in the folder means.
enum FileKind: BitwiseCopyable {
    case package(SHA256Digest)
    case temporary(UInt64)
    /// Not ours; it is left alone.
    case foreign

    init(name: Slab<UInt8>) {
        self = .foreign
        if name.count == SHA256Digest.digitCount + 4 {
            let ending = name.slice(SHA256Digest.digitCount, 4)
            let digits = name.slice(0, SHA256Digest.digitCount)
            if ending.equals(".zip"), FileKind.areLowerCase(digits),
                let hash = SHA256Digest(hex: digits)
            {
                self = .package(hash)
            }
        } else if name.count == 20, name.slice(0, 4).equals("tmp-") {
            if let number = FileKind.number(name.slice(4, 16)) { self = .temporary(number) }
        }
    }

    /// An upper-case name would be another file than the one that its hash names.
    private static func areLowerCase(_ digits: Slab<UInt8>) -> Bool {
        var i = 0
        while i < digits.count {
            if digits[i] >= UInt8(ascii: "A") && digits[i] <= UInt8(ascii: "F") { return false }
            i += 1
        }
        return true
    }

    private static func number(_ digits: Slab<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var i = 0
        while i < digits.count {
            switch digits[i] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt64(digits[i] - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt64(digits[i] - UInt8(ascii: "a") + 10)
            default: return nil
            }
            i += 1
        }
        return value
    }
}
