// The independent opinion: libxml2, the parser that the clients use, with the flags that they use
// (protocol 2.6). It says whether an event is well formed and what is in it. The tests of all that
// reads or copies markup compare with it. Foundation's XMLParser wraps the same library but
// crashes on some malformed documents, so the library is called directly; the Swift toolchain
// itself needs it on the machine.
import Foundation

/// An element as the judge sees it: adjoining text in one piece, comments and instructions gone.
indirect enum Node: Equatable {
    case element(String, [String: String], [Node])
    case text(String)
}

enum XMLJudge {
    private typealias ReadMemory =
        @convention(c) (
            UnsafePointer<UInt8>?, Int32, UnsafePointer<CChar>?, UnsafePointer<CChar>?, Int32
        ) -> OpaquePointer?
    private typealias OfDocument = @convention(c) (OpaquePointer) -> UnsafeRawPointer?
    private typealias Free = @convention(c) (OpaquePointer) -> Void
    private typealias ListText =
        @convention(c) (
            OpaquePointer, UnsafeRawPointer?, Int32
        ) -> UnsafeMutablePointer<CChar>?
    private typealias Start = @convention(c) () -> Void

    private struct Library: @unchecked Sendable {
        let read: ReadMemory
        let root: OfDocument
        let free: Free
        let listText: ListText

        init() {
            guard let handle = dlopen("libxml2.so.2", RTLD_NOW) else {
                fatalError("libxml2.so.2 is needed to judge what the reader accepts")
            }
            func find<T>(_ name: String, _ type: T.Type) -> T {
                unsafeBitCast(dlsym(handle, name)!, to: type)
            }
            find("xmlInitParser", Start.self)()
            read = find("xmlReadMemory", ReadMemory.self)
            root = find("xmlDocGetRootElement", OfDocument.self)
            free = find("xmlFreeDoc", Free.self)
            listText = find("xmlNodeListGetString", ListText.self)
        }
    }

    private static let library = Library()
    /// XML_PARSE_NONET, and no messages on standard error.
    private static let flags: Int32 = 1 << 11 | 1 << 5 | 1 << 6

    /// The document as a tree, or nil if libxml2 rejects it.
    static func read(_ bytes: [UInt8]) -> Node? {
        guard let document = library.read(bytes, Int32(bytes.count), nil, nil, flags) else {
            return nil
        }
        defer { library.free(document) }
        return library.root(document).map { element(document, $0) }
    }

    // Places of the fields in libxml2's xmlNode, xmlAttr and xmlNs, stable since version 2.0.
    private static func pointer(_ node: UnsafeRawPointer, _ offset: Int) -> UnsafeRawPointer? {
        node.load(fromByteOffset: offset, as: UnsafeRawPointer?.self)
    }

    private static func string(_ node: UnsafeRawPointer, _ offset: Int) -> String? {
        pointer(node, offset).map { String(cString: $0.assumingMemoryBound(to: UInt8.self)) }
    }

    private static func name(_ node: UnsafeRawPointer) -> String {
        let local = string(node, 16) ?? ""
        let prefix = pointer(node, 72).flatMap { string($0, 24) }
        return prefix.map { "\($0):\(local)" } ?? local
    }

    private static func element(_ document: OpaquePointer, _ node: UnsafeRawPointer) -> Node {
        var attributes: [String: String] = [:]
        var attribute = pointer(node, 88)
        while let next = attribute {
            let text = library.listText(document, pointer(next, 24), 1)
            attributes[name(next)] = text.map { String(cString: $0) } ?? ""
            free(text)
            attribute = pointer(next, 48)
        }
        var namespace = pointer(node, 96)
        while let next = namespace {
            attributes["xmlns:" + (string(next, 24) ?? "")] = string(next, 16) ?? ""
            namespace = pointer(next, 0)
        }
        return .element(name(node), attributes, children(document, node))
    }

    private static func children(_ document: OpaquePointer, _ node: UnsafeRawPointer) -> [Node] {
        var all: [Node] = []
        var child = pointer(node, 24)
        while let next = child {
            switch next.load(fromByteOffset: 8, as: Int32.self) {
            case 1:
                all.append(element(document, next))
            case 3, 4:
                let text = string(next, 80) ?? ""
                if case .text(let before)? = all.last {
                    all[all.count - 1] = .text(before + text)
                } else if !text.isEmpty {
                    all.append(.text(text))
                }
            default:
                break
            }
            child = pointer(next, 48)
        }
        return all
    }
}
