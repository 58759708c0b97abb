// The page at `/`: constant bytes of the program, and the fields that they are sent with. What it
// shows it fetches from `/status.json`.

import CStatusPage
import PackageStore
import TinyCoT

enum StatusPage {
    /// Constant memory, not to be written to.
    static var bytes: Slab<UInt8> {
        Slab(start: UnsafeMutablePointer(mutating: tcp_page()), count: tcp_page_bytes())
    }

    /// The hashes are made of the bytes that go out, each time somebody opens the page: it takes
    /// less than sending them, and they cannot be those of another page.
    static func write(into head: inout HTTPResponseWriter) {
        head.contentPolicy(
            script: digest(from: "<script>", to: "</script>"),
            style: digest(from: "<style>", to: "</style>"))
        head.field("Referrer-Policy", "no-referrer")
        head.field("Cache-Control", "no-cache")
    }

    /// Of the first stretch between these two.
    private static func digest(from start: StaticString, to end: StaticString) -> SHA256Digest {
        let page = bytes
        let begin = place(of: start, in: page, from: 0) + start.utf8CodeUnitCount
        var digest = Digest()
        digest.update(page.slice(begin, place(of: end, in: page, from: begin) - begin))
        return digest.finish()
    }

    private static func place(
        of text: StaticString, in page: Slab<UInt8>, from start: Int
    ) -> Int {
        var at = start
        while !page.slice(at, text.utf8CodeUnitCount).equals(text) { at += 1 }
        return at
    }
}

extension StoreLoop {
    mutating func answerPage(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.index = 0
        // Whoever looks at the page all day keeps no place from those who want packages.
        place.pointee.keepAlive = false
        answerLong(
            index, "text/html; charset=utf-8", .page, bytes: StatusPage.bytes.count)
    }

    func writePage(_ index: Int, _ piece: inout ByteWriter) {
        let place = tables.connections.pointer(at: index)
        let page = StatusPage.bytes
        let count = min(piece.slab.count - piece.count, page.count - place.pointee.index)
        piece.append(page.slice(place.pointee.index, count))
        place.pointee.index += count
        place.pointee.sourceEnded = place.pointee.index == page.count
    }
}
