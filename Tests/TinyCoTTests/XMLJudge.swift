// The independent opinion: libxml2, the parser that the clients use, through Foundation. It says
// whether an event is well formed and what is in it. The tests of everything that reads or copies
// markup compare with it. It knows nothing of the code under test.
import Foundation
import FoundationXML

/// An element as the judge sees it: adjoining text in one piece, comments and instructions gone.
indirect enum Node: Equatable {
    case element(String, [String: String], [Node])
    case text(String)
}

final class XMLJudge: NSObject, XMLParserDelegate {
    private var open: [(name: String, attributes: [String: String], children: [Node])] = []
    private(set) var root: Node?
    private(set) var fatalCode: Int?

    /// Namespace trouble: the clients' parser reports it and goes on (protocol 2.6).
    private static let harmless: Set<Int> = [99, 100, 200, 201, 202, 203, 204, 205]

    /// The document as a tree, or nil if libxml2 rejects it.
    static func read(_ bytes: [UInt8]) -> Node? {
        let judge = XMLJudge()
        // The bytes must be UTF-8 without a declaration, as they are after the framer.
        let parser = XMLParser(data: Data(bytes))
        parser.delegate = judge
        parser.shouldResolveExternalEntities = false
        let isFine = parser.parse()
        if isFine { return judge.fatalCode == nil ? judge.root : nil }
        let code = judge.fatalCode ?? (parser.parserError as NSError?)?.code ?? -1
        return harmless.contains(code) ? judge.root : nil
    }

    func parser(_ parser: XMLParser, parseErrorOccurred parseError: Error) {
        let code = (parseError as NSError).code
        if !XMLJudge.harmless.contains(code) { fatalCode = code }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
    ) {
        open.append((name, attributes, []))
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?,
        qualifiedName: String?
    ) {
        guard let last = open.popLast() else { return }
        let node = Node.element(last.name, last.attributes, last.children)
        if open.isEmpty { root = node } else { open[open.count - 1].children.append(node) }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { add(string) }

    func parser(_ parser: XMLParser, foundCDATA block: Data) {
        add(String(decoding: block, as: UTF8.self))
    }

    private func add(_ string: String) {
        guard !open.isEmpty, !string.isEmpty else { return }
        if case .text(let before)? = open[open.count - 1].children.last {
            open[open.count - 1].children.removeLast()
            open[open.count - 1].children.append(.text(before + string))
        } else {
            open[open.count - 1].children.append(.text(string))
        }
    }
}
