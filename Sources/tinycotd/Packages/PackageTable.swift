// The list of packages as a table for people. Rows are handed in one by one, from the daemon's list
// or from the catalogue; nothing is kept but the sums. Texts of the network are shown without
// control characters.

import TinyCoT

/// One row. The texts are views of whoever has read it.
struct PackageLine {
    var number: Slab<UInt8>
    var digest: SHA256Digest
    var sizeBytes: Int64
    var tool: Slab<UInt8>
    var team: Slab<UInt8>
    var submitted: Slab<UInt8>
    var creator: Slab<UInt8>
    var name: Slab<UInt8>
}

struct PackageTable {
    private var writer: ByteWriter
    private(set) var count = 0
    private(set) var bytes: Int64 = 0

    /// The longest row: a hash, and four texts of which each byte becomes four.
    private static var rowBytes: Int { 4_096 }

    init(_ output: Slab<UInt8>) {
        writer = ByteWriter(output)
    }

    mutating func add(_ line: PackageLine) {
        if count == 0 { writeHead() }
        count += 1
        bytes += line.sizeBytes
        writer.pad(writer.append(line.number, as: .plain, maxColumns: 7), to: 7)
        line.digest.append(to: &writer)
        writer.append("  ")
        writer.column(Int(line.sizeBytes), 13)
        // To the second: 2026-01-02T03:04:05
        writer.pad(writer.append(line.submitted, as: .plain, maxColumns: 19), to: 19)
        writer.pad(writer.append(line.tool, as: .plain, maxColumns: 7), to: 7)
        writer.pad(writer.append(line.team, as: .plain, maxColumns: 12), to: 12)
        writer.pad(writer.append(line.creator, as: .plain, maxColumns: 24), to: 24)
        writer.append(line.name, as: .plain)
        writer.append("\n")
        if writer.slab.count - writer.count < PackageTable.rowBytes { flush() }
    }

    /// Writes what is left, and the sums.
    mutating func finish() {
        if count == 0 {
            writer.append("no packages\n")
        } else {
            writer.append(decimal: count)
            writer.append(count == 1 ? " package, " : " packages, ")
            writer.append(decimal: bytes)
            writer.append(" bytes\n")
        }
        flush()
    }

    private mutating func writeHead() {
        writer.column("NUMBER", 7)
        writer.column("HASH", SHA256Digest.digitCount)
        writer.column(rightAligned: "SIZE", 13)
        writer.column("SUBMITTED (UTC)", 19)
        writer.column("TOOL", 7)
        writer.column("TEAM", 12)
        writer.column("CREATOR", 24)
        writer.append("NAME\n")
    }

    private mutating func flush() {
        Console.write(writer.written, to: Console.output)
        writer.reset()
    }
}
