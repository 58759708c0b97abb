// The command line as the README and `tinycot help` promise it.

import Testing

@testable import TinyCoT

@Suite struct InvocationTests {
    private func withSlab<R>(_ text: String, _ body: (Slab<UInt8>) -> R) -> R {
        var bytes = Array(text.utf8) + [0]
        return bytes.withUnsafeMutableBufferPointer {
            body(Slab(start: $0.baseAddress, count: $0.count - 1))
        }
    }

    private func parse(_ arguments: String...) -> (result: Invocation, sentence: String) {
        var invocation = Invocation()
        for argument in arguments { withSlab(argument) { invocation.take($0) } }
        invocation.finish()
        let number = invocation.mistakeArgument
        let culprit = number > 0 ? arguments[number - 1] : ""
        var output = [UInt8](repeating: 0, count: 512)
        let sentence = withSlab(culprit) { culprit in
            output.withUnsafeMutableBufferPointer { buffer in
                var writer = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
                invocation.writeMistake(argument: culprit, into: &writer)
                return String(decoding: buffer[0..<writer.count], as: UTF8.self)
            }
        }
        return (invocation, sentence)
    }

    @Test func everyCommandOfTheIssueIsTaken() {
        let serve = parse(
            "serve", "--config", "c", "--budget=b", "--state-dir", "s", "--run-dir=r/=x"
        ).result
        #expect(serve.mistake == .nothing && serve.command == .serve)
        #expect(serve.pathArgument(.config) == 3 && serve.pathOffset(.config) == 0)
        #expect(serve.pathArgument(.budget) == 4 && serve.pathOffset(.budget) == 9)
        #expect(serve.pathArgument(.stateDirectory) == 6)
        #expect(serve.pathArgument(.runDirectory) == 7 && serve.pathOffset(.runDirectory) == 10)
        let status = parse("status", "--json", "--run-dir", "r").result
        #expect(status.mistake == .nothing && status.wantsJSON)
        #expect(parse("check", "--config", "c", "--budget", "b").result.mistake == .nothing)
        #expect(parse("budget", "--config", "c", "--budget", "b").result.mistake == .nothing)
        #expect(parse("version").result.command == .version)
        #expect(parse("help").result.command == .help)
        #expect(parse("--help").result.wantsHelp && parse("--help").result.mistake == .nothing)
        #expect(parse("serve", "-h").result.wantsHelp)
    }

    @Test func aNearMissGetsASuggestion() {
        #expect(parse("srve").sentence == "unknown command \"srve\"; did you mean \"serve\"?")
        #expect(
            parse("serve", "--confg", "x").sentence
                == "unknown option \"--confg\"; did you mean \"--config\"?")
        #expect(parse("serve", "--run_dir=x").sentence.hasSuffix("did you mean \"--run-dir\"?"))
        #expect(parse("frobnicate").result.mistake == .unknownCommand)
        #expect(!parse("frobnicate").sentence.contains("did you mean"))
    }

    @Test func whatDoesNotFitIsAMistake() {
        #expect(parse().result.mistake == .noCommand)
        #expect(parse("serve", "--config").result.mistake == .missingPath)
        #expect(parse("serve", "--config=").result.mistake == .missingPath)
        #expect(parse("serve", "--config", "").result.mistake == .missingPath)
        #expect(parse("serve", "--config", "a", "--config", "b").result.mistake == .givenTwice)
        #expect(parse("serve", "--json").result.mistake == .foreignOption)
        #expect(parse("check", "--run-dir", "x").result.mistake == .foreignOption)
        #expect(parse("status", "--json=1").result.mistake == .unknownOption)
        #expect(parse("version", "now").result.mistake == .tooMuch)
        #expect(parse("--config", "x", "serve").result.mistake == .noCommand)
    }

    @Test func theSentenceShowsNoControlCharacters() {
        let sentence = parse("serve", "--\u{1B}[2Jx").sentence
        #expect(sentence.contains("\\x1b"))
        #expect(!sentence.unicodeScalars.contains { $0.value < 0x20 })
    }
}
