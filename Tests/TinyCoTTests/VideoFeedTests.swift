// The video list: what is taken, what is refused and in which words, and what is written for
// others to read (protocol 8.7). Random documents are VideoFeedJudgeTests' matter.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct VideoFeedTests {
    /// As ATAK posts it.
    static let posted = """
        <?xml version='1.0' encoding='UTF-8' standalone='yes' ?>
        <videoConnections>
        <feed>
        <protocol>rtsp</protocol>
        <alias>Gate &amp; yard</alias>
        <uid>3f1c-77</uid>
        <address>10.0.0.9</address>
        <port>8554</port>
        <roverPort>-1</roverPort>
        <ignoreEmbeddedKLV>false</ignoreEmbeddedKLV>
        <preferredMacAddress/>
        <path>/gate</path>
        <buffer>-1</buffer>
        <timeout>12000</timeout>
        <rtspReliable>0</rtspReliable>
        </feed>
        </videoConnections>

        """

    static func wrap(_ inside: String) -> String {
        "<videoConnections><feed><uid>u</uid>\(inside)</feed></videoConnections>"
    }

    /// What is written for a feed with these children besides its uid `u`.
    private func written(_ inside: String) -> String {
        let seen = SeenVideos(VideoFeedTests.wrap(inside))
        #expect(seen.refusal == nil, "\(inside)")
        return String(decoding: seen.feeds.first?.written ?? [], as: UTF8.self)
    }

    private func refusal(_ document: String) -> VideoRefusal? { SeenVideos(document).refusal }

    @Test func whatATAKPostsComesOutInTheCanonicalForm() {
        let seen = SeenVideos(VideoFeedTests.posted)
        #expect(seen.refusal == nil)
        #expect(
            String(decoding: seen.list, as: UTF8.self)
                == "<videoConnections><feed><uid>3f1c-77</uid><uuid>3f1c-77</uuid>"
                + "<active>true</active><alias>Gate &amp; yard</alias><address>10.0.0.9</address>"
                + "<port>8554</port><roverPort>-1</roverPort>"
                + "<ignoreEmbeddedKLV>false</ignoreEmbeddedKLV><preferredMacAddress/>"
                + "<preferredInterfaceAddress/><path>/gate</path><protocol>rtsp</protocol>"
                + "<timeout>12000</timeout><buffer>-1</buffer><rtspReliable>0</rtspReliable>"
                + "<thumbnail/><classification/><latitude/><longitude/><fov/><heading/><range/>"
                + "</feed></videoConnections>")
        #expect(SeenVideos(seen.list) == seen, "what is written is read as it was")
    }

    @Test func whatIsMissingIsFilledIn() {
        let expected =
            "<feed><uid>u</uid><uuid>u</uuid><active>true</active><alias/><address/><port/>"
            + "<roverPort>-1</roverPort><ignoreEmbeddedKLV>false</ignoreEmbeddedKLV>"
            + "<preferredMacAddress/><preferredInterfaceAddress/><path/><protocol/>"
            + "<timeout>5000</timeout><buffer/><rtspReliable/><thumbnail/><classification/>"
            + "<latitude/><longitude/><fov/><heading/><range/></feed>"
        #expect(written("") == expected)
        let empty = "<active/><timeout> </timeout><alias></alias><port><!-- --></port>"
        #expect(written(empty) == expected)
        #expect(written("<roverPort>many</roverPort><port>1;x</port><fov>nan</fov>") == expected)
        #expect(written("<uuid>u</uuid>text &lt;<new a='1'><uid>x</uid></new>") == expected)
    }

    @Test func emptyListsAndManyFeeds() {
        for empty in [
            "<videoConnections/>", "<videoConnections></videoConnections>",
            "\u{FEFF}<?xml version=\"1.0\"?><!-- a --><videoConnections a='b' c=\"&lt;\" >\n"
                + "<other/><feeds><feed/></feeds></videoConnections >\r\n<!-- z -->\t",
        ] {
            let seen = SeenVideos(empty)
            #expect(seen == SeenVideos("<videoConnections/>") && seen.refusal == nil, "\(empty)")
        }
        let uids = (0..<200).map { "u\($0)" }
        let feeds = uids.map { "<feed><uid>\($0)</uid></feed>" }.joined()
        let seen = SeenVideos("<videoConnections>\(feeds)</videoConnections>")
        #expect(seen.refusal == nil)
        #expect(seen.feeds.map { String(decoding: $0.uid, as: UTF8.self) } == uids)
    }

    @Test func textIsDecodedOnceAndEscapedOnce() {
        func alias(_ inside: String) -> String {
            let all = written("<alias>\(inside)</alias>")
            return all.components(separatedBy: "<alias>").last!
                .components(separatedBy: "</alias>").first!
        }
        #expect(alias("&amp;lt;") == "&amp;lt;")
        #expect(alias("&lt;a b=&quot;&apos;&gt;") == "&lt;a b=&quot;&apos;&gt;")
        #expect(alias("a\"b'c") == "a&quot;b&apos;c")
        #expect(alias("<![CDATA[</alias><uid>x</uid>&amp;]]>")
            == "&lt;/alias&gt;&lt;uid&gt;x&lt;/uid&gt;&amp;amp;")
        #expect(alias("<![CDATA[a]]]]><![CDATA[>b]]>") == "a]]&gt;b")
        #expect(alias("a<!-- <b> & -->b<![CDATA[]]><!---->c") == "abc")
        #expect(alias("&#x1F681;&#252;&#x20AC;&#65;") == "🚁ü€A")
        #expect(alias("\n a\r\n\tb\rc&#13;d \n") == "a&#10;&#9;b&#10;c&#13;d")
        #expect(alias("&#32;&#9;x<![CDATA[ ]]>") == "x")
        #expect(alias("Grüße 日本") == "Grüße 日本")
    }

    @Test func onlyNumbersAndTruthValuesArePassedOnAsSuch() {
        func value(_ name: String, _ text: String) -> String {
            let all = written("<\(name)>\(text)</\(name)>")
            if all.contains("<\(name)/>") { return "" }
            return all.components(separatedBy: "<\(name)>")[1]
                .components(separatedBy: "</\(name)>")[0]
        }
        for good in ["0", "8554", "-1", "999999999"] { #expect(value("port", good) == good) }
        for bad in ["+1", "1.0", "1e3", "-", "1 2", "٣", "1234567890", "0x10", "true"] {
            #expect(value("port", bad) == "", "\(bad)")
            #expect(value("timeout", bad) == "5000", "\(bad)")
        }
        for good in ["52.5", "-13", "1.0E-5", ".5", "13."] {
            #expect(value("latitude", good) == good)
        }
        for bad in ["nan", "inf", "1e999", "0x1p3", "1,5", String(repeating: "1", count: 33)] {
            #expect(value("latitude", bad) == "", "\(bad)")
        }
        #expect(value("active", "False") == "false")
        #expect(value("active", "no") == "true")
        #expect(value("ignoreEmbeddedKLV", " TRUE ") == "true")
    }

    @Test func refusalsSayWhatIsWrong() {
        let wrap = VideoFeedTests.wrap
        let cases: [(String, VideoRefusal)] = [
            ("", .unfinished), ("<videoConnections", .unfinished), (" ", .unfinished),
            ("<videoConnections><feed><uid>u</uid></feed>", .unfinished),
            ("<videoconnections/>", .wrongRoot), ("<feed><uid>u</uid></feed>", .wrongRoot),
            ("<x:videoConnections/>", .wrongRoot), ("</videoConnections>", .tag),
            ("x<videoConnections/>", .textOutside), ("<videoConnections/>x", .textOutside),
            ("<videoConnections/><videoConnections/>", .textOutside),
            ("<videoConnections/>\0", .textOutside),
            ("<!DOCTYPE videoConnections><videoConnections/>", .doctype),
            ("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a/>", .doctype),
            (wrap("<alias>&b;</alias>"), .reference), (wrap("<alias>&#0;</alias>"), .reference),
            (wrap("<alias>&#xD800;</alias>"), .reference), (wrap("a&"), .reference),
            (wrap("<alias>&#x110000;</alias>"), .reference),
            ("<?xml version='1.0'?><?a b?><videoConnections/>", .instruction),
            (wrap("<?php x?>"), .instruction), (wrap("<alias><?a?></alias>"), .instruction),
            (" <?xml version='1.0'?><videoConnections/>", .instruction),
            ("<?xml version='1.1'?><videoConnections/>", .badDeclaration),
            ("<?xml encoding='UTF-8'?><videoConnections/>", .badDeclaration),
            ("<?xml version='1.0' encoding=''?><videoConnections/>", .badDeclaration),
            ("<?xml version='1.0' x='y'?><videoConnections/>", .badDeclaration),
            (wrap("<alias>\u{1}</alias>"), .characters), (wrap("<a\u{FFFE}/>"), .characters),
            (wrap("<new a='1' a='2'/>"), .attribute), (wrap("</alias>"), .tag),
            (wrap("<alias></Alias>"), .tag), (wrap("<new></newer>"), .tag),
            (wrap("<preferredMacAddress></preferredMacAddresS>"), .tag),
            (wrap("<alias>]]></alias>"), .malformed), (wrap("<1/>"), .malformed),
            (wrap("<new a=1/>"), .malformed), (wrap("<new a='<'/>"), .malformed),
            (wrap("<!-- a -- b -->"), .malformed), (wrap("<![CDATA[a]]"), .unfinished),
            (wrap("<new a='1'b='2'/>"), .malformed), (wrap("< new/>"), .malformed),
            (wrap("<alias>a<b/></alias>"), .elementInValue),
            (wrap("<alias>a</alias><alias>b</alias>"), .repeatedValue),
            (wrap("<uid>v</uid>"), .repeatedValue), (wrap("<uuid>v</uuid>"), .repeatedValue),
            ("<videoConnections><feed/></videoConnections>", .missingUID),
            ("<videoConnections><feed><uid> <!-- --> </uid></feed>", .missingUID),
        ]
        for (document, expected) in cases {
            #expect(refusal(document) == expected, "\(document.debugDescription)")
        }
        for byte in [UInt8(0x80), 0xC0, 0xFF] {
            let document = Array("<videoConnections><feed><alias>".utf8) + [byte]
            #expect(SeenVideos(document).refusal == .characters)
        }
    }

    @Test func limits() {
        let open = "<videoConnections><feed><uid>u</uid>"
        func nested(_ depth: Int) -> String {
            open + String(repeating: "<n>", count: depth) + String(repeating: "</n>", count: depth)
                + "</feed></videoConnections>"
        }
        #expect(refusal(nested(14)) == nil)
        #expect(refusal(nested(15)) == .tooDeep)
        #expect(refusal(open + String(repeating: "<n>", count: 5000)) == .tooDeep)
        func attributes(_ count: Int) -> String {
            VideoFeedTests.wrap("<n\((0..<count).map { " a\($0)=''" }.joined())/>")
        }
        #expect(refusal(attributes(16)) == nil)
        #expect(refusal(attributes(17)) == .attribute)
        func uid(_ count: Int) -> String {
            "<videoConnections><feed><uid>\(String(repeating: "u", count: count))</uid></feed>"
                + "</videoConnections>"
        }
        #expect(refusal(uid(80)) == nil)
        #expect(refusal(uid(81)) == .longUID)
        let small = VideoFeedTests.wrap("")
        #expect(refusal(small + String(repeating: " ", count: 16_384 - small.utf8.count)) == nil)
        #expect(
            refusal(small + String(repeating: " ", count: 16_385 - small.utf8.count)) == .tooLarge)
    }

    /// No text makes a feed longer than it may be, and none is cut to make it fit.
    @Test func aFeedIsWholeOrRefused() {
        let bare = written("").utf8.count
        // The child is written in two tags instead of one: three bytes and its name more.
        let room = VideoFeed.bytesMax - bare - "<path></path>".utf8.count + "<path/>".utf8.count
        for (piece, width) in [("a", 1), ("\"", 6), ("&lt;", 4), ("ü", 2)] {
            for extra in -1...1 {
                let count = room / width + extra
                let document = VideoFeedTests.wrap(
                    "<path>\(String(repeating: piece, count: count))</path>")
                let seen = SeenVideos(document)
                #expect(seen.refusal == nil)
                let isTooLong = count * width > room
                #expect((seen.feeds[0].written == nil) == isTooLong, "\(piece) \(count)")
                #expect(seen.feeds[0].written?.count ?? 0 <= VideoFeed.bytesMax)
            }
        }
    }

    @Test func everyRefusalHasASentenceOfItsOwn() {
        let sentences = (0..<VideoRefusal.count).map {
            "\(VideoRefusal(rawValue: UInt8($0))!.sentence)"
        }
        #expect(Set(sentences).count == VideoRefusal.count)
        #expect(sentences.allSatisfy { $0.hasSuffix(".") })
        #expect(VideoRefusal(rawValue: UInt8(VideoRefusal.count)) == nil)
    }

    @Test func theTableOfChildrenIsWhole() {
        #expect(VideoChild(rawValue: UInt8(VideoChild.count)) == nil)
        for number in 0..<UInt8(VideoChild.count) {
            let child = VideoChild(rawValue: number)
            #expect(child != nil)
            #expect(withSlab(Array("\(child!.name)".utf8)) { VideoChild.named($0) } == child)
        }
    }
}
