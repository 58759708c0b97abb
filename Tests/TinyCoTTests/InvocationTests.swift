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
        parse(arguments)
    }

    private func parse(_ arguments: [String]) -> (result: Invocation, sentence: String) {
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
        #expect(serve.valueArgument(.config) == 3 && serve.valueOffset(.config) == 0)
        #expect(serve.valueArgument(.budget) == 4 && serve.valueOffset(.budget) == 9)
        #expect(serve.valueArgument(.stateDirectory) == 6)
        #expect(serve.valueArgument(.runDirectory) == 7)
        #expect(serve.valueOffset(.runDirectory) == 10)
        let status = parse("status", "--json", "--run-dir", "r").result
        #expect(status.mistake == .nothing && status.wantsJSON)
        #expect(parse("check", "--config", "c", "--budget", "b").result.mistake == .nothing)
        #expect(parse("budget", "--config", "c", "--budget", "b").result.mistake == .nothing)
        #expect(parse("version").result.command == .version)
        #expect(parse("help").result.command == .help)
        #expect(parse("--help").result.wantsHelp && parse("--help").result.mistake == .nothing)
        #expect(parse("serve", "-h").result.wantsHelp)
    }

    @Test func theDoctorTakesBothFilesAndBothFolders() {
        let doctor = parse(
            "doctor", "--json", "--bundle=b.tar", "--config", "c", "--budget", "b",
            "--state-dir", "s", "--run-dir", "r"
        ).result
        #expect(doctor.mistake == .nothing && doctor.command == .doctor && doctor.wantsJSON)
        #expect(doctor.valueArgument(.bundle) == 3 && doctor.valueOffset(.bundle) == 9)
        #expect(
            parse("serve", "--bundle", "x").sentence
                == "the option \"--bundle\" does not belong to \"serve\"\(InvocationTests.rest)")
        #expect(
            parse("doctor", "--bundle").sentence
                == "a path is missing behind \"--bundle\"\(InvocationTests.rest)")
        #expect(parse("doctr").sentence == "unknown command \"doctr\"; did you mean \"doctor\"?")
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
        #expect(parse("serve", "--config").result.mistake == .missingValue)
        #expect(parse("serve", "--config=").result.mistake == .missingValue)
        #expect(parse("serve", "--config", "").result.mistake == .missingValue)
        #expect(parse("serve", "--config", "a", "--config", "b").result.mistake == .givenTwice)
        #expect(parse("serve", "--json").result.mistake == .foreignOption)
        #expect(parse("check", "--run-dir", "x").result.mistake == .foreignOption)
        #expect(parse("status", "--json=1").result.mistake == .unknownOption)
        #expect(parse("version", "now").result.mistake == .tooMuch)
        #expect(parse("--config", "x", "serve").result.mistake == .noCommand)
    }

    // MARK: packages

    @Test func thePackagesAreListedAddedRemovedAndVerified() {
        let list = parse("packages", "list", "--json", "--state-dir", "s").result
        #expect(list.mistake == .nothing && list.command == .packages && list.action == .list)
        #expect(list.wantsJSON && list.valueArgument(.stateDirectory) == 5)
        #expect(!parse("packages", "list").result.wantsJSON)

        let add = parse(
            "packages", "add", "--name=Map 1", "a.zip", "--team", "blue", "--private",
            "--run-dir", "r", "--budget", "b"
        ).result
        #expect(add.mistake == .nothing && add.action == .add && add.wantsPrivate)
        #expect(add.operandArgument == 4)
        #expect(add.valueArgument(.name) == 3 && add.valueOffset(.name) == 7)
        #expect(add.valueArgument(.team) == 6 && add.valueOffset(.team) == 0)
        #expect(add.valueArgument(.runDirectory) == 9 && add.valueArgument(.budget) == 11)
        #expect(add.valueArgument(.stateDirectory) == 0 && add.valueArgument(.config) == 0)
        #expect(!parse("packages", "add", "a.zip").result.wantsPrivate)

        let remove = parse("packages", "remove", "c0ffee").result
        #expect(remove.mistake == .nothing && remove.action == .remove)
        #expect(remove.operandArgument == 3)
        #expect(parse("packages", "verify", "--state-dir=s").result.action == .verify)
        for words in [["packages", "-h"], ["packages", "--help"], ["packages", "add", "-h"]] {
            var invocation = Invocation()
            for word in words { withSlab(word) { invocation.take($0) } }
            invocation.finish()
            #expect(invocation.mistake == .nothing && invocation.wantsHelp)
        }
    }

    private static let rest = "; \"tinycot help\" lists commands and options."
    private static let actions = "; it can list, add, remove and verify."

    @Test(arguments: [
        (["packages"], .noAction, "\"packages\" must be told what to do" + actions),
        (["packages", "--json"], .noAction, "\"packages\" must be told what to do" + actions),
        (
            ["packages", "lst"], .unknownAction,
            "\"packages\" cannot \"lst\"; did you mean \"list\"?"
        ),
        (["packages", "purge"], .unknownAction, "\"packages\" cannot \"purge\"" + actions),
        (
            ["packages", "add"], .noOperand,
            "a file must be named behind \"packages add\"" + rest
        ),
        (
            ["packages", "add", ""], .noOperand,
            "a file must be named behind \"packages add\"" + rest
        ),
        (
            ["packages", "remove", "--state-dir", "s"], .noOperand,
            "the hash of a package must be named behind \"packages remove\"" + rest
        ),
        (["packages", "add", "a", "b"], .tooMuch, "one argument too many: \"b\"" + rest),
        (["packages", "list", "all"], .tooMuch, "one argument too many: \"all\"" + rest),
        (["packages", "verify", "x"], .tooMuch, "one argument too many: \"x\"" + rest),
        (
            ["packages", "list", "--team", "a"], .foreignOption,
            "the option \"--team\" does not belong to \"packages list\"" + rest
        ),
        (
            ["packages", "add", "a", "--json"], .foreignOption,
            "the option \"--json\" does not belong to \"packages add\"" + rest
        ),
        (
            ["packages", "verify", "--config", "a"], .foreignOption,
            "the option \"--config\" does not belong to \"packages verify\"" + rest
        ),
        (
            ["serve", "--team", "a"], .foreignOption,
            "the option \"--team\" does not belong to \"serve\"" + rest
        ),
        (
            ["packages", "add", "a", "--privat"], .unknownOption,
            "unknown option \"--privat\"; did you mean \"--private\"?"
        ),
        (
            ["packages", "add", "a", "--private=yes"], .unknownOption,
            "unknown option \"--private=yes\"" + rest
        ),
        (
            ["packages", "add", "a", "--team"], .missingValue,
            "a name is missing behind \"--team\"" + rest
        ),
        (
            ["packages", "add", "a", "--name", ""], .missingValue,
            "a name is missing behind \"--name\"" + rest
        ),
        (
            ["packages", "list", "--state-dir="], .missingValue,
            "a path is missing behind \"--state-dir\"" + rest
        ),
        (
            ["packages", "add", "a", "--name", "b", "--name=c"], .givenTwice,
            "the option \"--name=c\" is given twice" + rest
        ),
        (
            ["pakages"], .unknownCommand,
            "unknown command \"pakages\"; did you mean \"packages\"?"
        ),
    ] as [([String], Invocation.Mistake, String)])
    func aWrongUseOfPackages(
        _ words: [String], _ mistake: Invocation.Mistake, _ sentence: String
    ) {
        let found = parse(words)
        #expect(found.result.mistake == mistake)
        #expect(found.sentence == sentence)
    }

    // MARK: backup and restore

    @Test func aFolderIsBackedUpAndRestored() {
        let backup = parse(
            "backup", "--state-dir", "s", "/mnt/stick", "--run-dir=r", "--budget", "b").result
        #expect(backup.mistake == .nothing && backup.command == .backup)
        #expect(backup.operandArgument == 4 && backup.action == .none)
        #expect(backup.valueArgument(.stateDirectory) == 3)
        #expect(backup.valueArgument(.runDirectory) == 5 && backup.valueArgument(.budget) == 7)
        let restore = parse("restore", "/mnt/stick", "--replace", "--state-dir=s").result
        #expect(restore.mistake == .nothing && restore.command == .restore)
        #expect(restore.operandArgument == 2 && restore.wantsReplacing)
        #expect(!parse("restore", "d").result.wantsReplacing)
        #expect(parse("restore", "--help").result.mistake == .nothing)
    }

    @Test(arguments: [
        (
            ["backup"], .noOperand,
            "the folder of the backup must be named behind \"backup\"" + rest
        ),
        (
            ["restore", "--replace"], .noOperand,
            "the folder of a backup must be named behind \"restore\"" + rest
        ),
        (
            ["backup", ""], .noOperand,
            "the folder of the backup must be named behind \"backup\"" + rest
        ),
        (["restore", "a", "b"], .tooMuch, "one argument too many: \"b\"" + rest),
        (
            ["backup", "d", "--replace"], .foreignOption,
            "the option \"--replace\" does not belong to \"backup\"" + rest
        ),
        (
            ["serve", "--replace"], .foreignOption,
            "the option \"--replace\" does not belong to \"serve\"" + rest
        ),
        (
            ["restore", "d", "--config", "c"], .foreignOption,
            "the option \"--config\" does not belong to \"restore\"" + rest
        ),
        (
            ["restore", "d", "--replace=yes"], .unknownOption,
            "unknown option \"--replace=yes\"" + rest
        ),
        (["bakup"], .unknownCommand, "unknown command \"bakup\"; did you mean \"backup\"?"),
        (
            ["restor"], .unknownCommand,
            "unknown command \"restor\"; did you mean \"restore\"?"
        ),
    ] as [([String], Invocation.Mistake, String)])
    func aWrongUseOfBackupAndRestore(
        _ words: [String], _ mistake: Invocation.Mistake, _ sentence: String
    ) {
        let found = parse(words)
        #expect(found.result.mistake == mistake)
        #expect(found.sentence == sentence)
    }

    // MARK: export and replay

    @Test func filesAreExported() {
        let all = parse(
            "export", "a.xml", "--gpx", "b.xml", "--uid", "u", "--team=blue", "c.xml", "--type",
            "a-"
        ).result
        #expect(all.mistake == .nothing && all.command == .export && all.format == .gpx)
        #expect(all.operandCount == 3 && all.operandArgument == 2)
        #expect((0..<3).map { all.operandArgument($0) } == [2, 4, 8])
        #expect(all.valueArgument(.uid) == 6 && all.valueArgument(.type) == 10)
        #expect(all.valueArgument(.team) == 7 && all.valueOffset(.team) == 7)
        #expect(parse("export", "--kml", "a").result.format == .kml)
        let json = parse("export", "--json", "--json", "a").result
        #expect(json.mistake == .nothing && json.format == .json && !json.wantsJSON)
        #expect(parse("status", "--json").result.format == .none)
    }

    @Test func filesAreReplayed() {
        let all = parse(
            "replay", "--to", "h:1", "a", "--speed=2", "b", "--max-gap", "5"
        ).result
        #expect(all.mistake == .nothing && all.command == .replay && all.operandCount == 2)
        #expect(all.valueArgument(.to) == 3 && all.valueArgument(.speed) == 5)
        #expect(all.valueOffset(.speed) == 8 && all.valueArgument(.maxGap) == 8)
        #expect(parse("replay", "--help").result.mistake == .nothing)
    }

    @Test func sixtyFourFilesAreNamedAtATime() {
        let files = (0..<64).map { "f\($0)" }
        let full = parse(["export", "--json"] + files).result
        #expect(full.mistake == .nothing && full.operandCount == 64)
        #expect(full.operandArgument(63) == 66)
        let over = parse(["export", "--json"] + files + ["more"])
        #expect(over.result.mistake == .tooManyFiles)
        #expect(over.sentence == "one file too many: \"more\"; 64 can be named at a time.")
    }

    @Test(arguments: [
        (
            ["export", "a"], .noFormat,
            "\"export\" must be told what to write; name --gpx, --kml or --json."
        ),
        (
            ["export", "--gpx", "--json", "a"], .twoFormats,
            "a second format is named: \"--json\"; "
                + "one of --gpx, --kml and --json is written at a time."
        ),
        (["export", "--gpx"], .noOperand, "a file must be named behind \"export\"" + rest),
        (["export", "--gpx", ""], .noOperand, "a file must be named behind \"export\"" + rest),
        (["replay", "--to", "h:1"], .noOperand, "a file must be named behind \"replay\"" + rest),
        (
            ["replay", "a"], .noTarget,
            "\"replay\" must be told the server: --to HOST:PORT" + rest
        ),
        (
            ["export", "--gxp", "a"], .unknownOption,
            "unknown option \"--gxp\"; did you mean \"--gpx\"?"
        ),
        (["exprot", "a"], .unknownCommand, "unknown command \"exprot\"; did you mean \"export\"?"),
        (["repaly", "a"], .unknownCommand, "unknown command \"repaly\"; did you mean \"replay\"?"),
        (
            ["replay", "a", "--sped", "2"], .unknownOption,
            "unknown option \"--sped\"; did you mean \"--speed\"?"
        ),
        (
            ["replay", "a", "--uid", "u"], .foreignOption,
            "the option \"--uid\" does not belong to \"replay\"" + rest
        ),
        (
            ["export", "a", "--to", "h:1"], .foreignOption,
            "the option \"--to\" does not belong to \"export\"" + rest
        ),
        (
            ["status", "--gpx"], .foreignOption,
            "the option \"--gpx\" does not belong to \"status\"" + rest
        ),
        (
            ["export", "a", "--uid", "u", "--uid", "v"], .givenTwice,
            "the option \"--uid\" is given twice" + rest
        ),
        (["export", "a", "--type"], .missingValue,
            "the beginning of a type is missing behind \"--type\"" + rest),
        (["replay", "a", "--speed="], .missingValue,
            "a number is missing behind \"--speed\"" + rest),
        (["replay", "a", "--to"], .missingValue, "a server is missing behind \"--to\"" + rest),
    ] as [([String], Invocation.Mistake, String)])
    func aWrongUseOfRecordings(
        _ words: [String], _ mistake: Invocation.Mistake, _ sentence: String
    ) {
        let found = parse(words)
        #expect(found.result.mistake == mistake)
        #expect(found.sentence == sentence)
    }

    /// A near miss that turned out well leaves no suggestion behind for a later mistake.
    @Test func aSuggestionBelongsToItsMistake() {
        #expect(
            parse("status", "--json", "surplus").sentence
                == "one argument too many: \"surplus\"" + InvocationTests.rest)
    }

    @Test func theSentenceShowsNoControlCharacters() {
        let sentence = parse("serve", "--\u{1B}[2Jx").sentence
        #expect(sentence.contains("\\x1b"))
        #expect(!sentence.unicodeScalars.contains { $0.value < 0x20 })
    }
}
