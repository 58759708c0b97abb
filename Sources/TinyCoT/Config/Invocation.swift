// What the operator typed: a command and its options. The edge hands over one argument after the
// other; this decides what they mean and keeps the number of the argument that holds a path. It
// never reads a file and never prints, except that it words its own error.

/// The command line, understood. Numbers of arguments count from 1; 0 means "not given".
public struct Invocation: BitwiseCopyable {
    public enum Command: UInt8, BitwiseCopyable, Sendable {
        case none, serve, check, budget, status, version, help

        static var count: UInt8 { 7 }

        public var name: StaticString {
            switch self {
            case .none: ""
            case .serve: "serve"
            case .check: "check"
            case .budget: "budget"
            case .status: "status"
            case .version: "version"
            case .help: "help"
            }
        }
    }

    public enum Option: UInt8, BitwiseCopyable, Sendable {
        case config, budget, stateDirectory, runDirectory, json, help

        static var count: UInt8 { 6 }

        public var name: StaticString {
            switch self {
            case .config: "--config"
            case .budget: "--budget"
            case .stateDirectory: "--state-dir"
            case .runDirectory: "--run-dir"
            case .json: "--json"
            case .help: "--help"
            }
        }

        var takesPath: Bool { self != .json && self != .help }

        func belongs(to command: Command) -> Bool {
            switch self {
            case .config, .budget: command == .serve || command == .check || command == .budget
            case .stateDirectory: command == .serve
            case .runDirectory: command == .serve || command == .status
            case .json: command == .status
            case .help: true
            }
        }
    }

    /// What is wrong with the command line. `argument` is the number of the one at fault.
    public enum Mistake: UInt8, BitwiseCopyable, Sendable {
        case nothing, noCommand, unknownCommand, unknownOption, foreignOption, missingPath
        case givenTwice, tooMuch
    }

    public private(set) var command = Command.none
    public private(set) var mistake = Mistake.nothing
    public private(set) var mistakeArgument = 0
    public private(set) var wantsJSON = false
    public private(set) var wantsHelp = false
    /// Where the path begins in its argument: 0, or behind the `=` of `--config=FILE`.
    private var paths: InlineArray<4, Int> = .init(repeating: 0)
    private var pathOffsets: InlineArray<4, Int> = .init(repeating: 0)
    private var suggestedCommand = Command.none
    private var suggestedOption: Option?
    private var awaiting: Option?
    private var argumentCount = 0

    public init() {}

    public func pathArgument(_ option: Option) -> Int { paths[Int(option.rawValue)] }
    public func pathOffset(_ option: Option) -> Int { pathOffsets[Int(option.rawValue)] }

    /// The next argument, the name of the program left out.
    public mutating func take(_ argument: Slab<UInt8>) {
        argumentCount += 1
        if mistake != .nothing { return }
        if let option = awaiting {
            awaiting = nil
            if argument.count == 0 { return fail(.missingPath) }
            keep(option, offset: 0)
            return
        }
        if argument.count > 1 && argument[0] == UInt8(ascii: "-") {
            takeOption(argument)
        } else if command == .none {
            takeCommand(argument)
        } else {
            fail(.tooMuch)
        }
    }

    /// After the last argument.
    public mutating func finish() {
        if mistake != .nothing { return }
        if awaiting != nil { return fail(.missingPath) }
        if command == .none && !wantsHelp { fail(.noCommand) }
    }

    private mutating func fail(_ mistake: Mistake) {
        self.mistake = mistake
        mistakeArgument = argumentCount
    }

    private mutating func takeCommand(_ argument: Slab<UInt8>) {
        var nearness = Nearness(argument)
        var i: UInt8 = 1
        while i < Command.count {
            let candidate = Command(rawValue: i).unsafelyUnwrapped
            if argument.equals(candidate.name) {
                command = candidate
                return
            }
            if nearness.offer(candidate.name) { suggestedCommand = candidate }
            i += 1
        }
        fail(.unknownCommand)
    }

    private mutating func takeOption(_ argument: Slab<UInt8>) {
        var nameCount = 0
        while nameCount < argument.count && argument[nameCount] != UInt8(ascii: "=") {
            nameCount += 1
        }
        let name = argument.slice(0, nameCount)
        if isShortHelp(argument) {
            wantsHelp = true
            return
        }
        var nearness = Nearness(name)
        var i: UInt8 = 0
        while i < Option.count {
            let candidate = Option(rawValue: i).unsafelyUnwrapped
            if name.equals(candidate.name) {
                return accept(candidate, valueOffset: nameCount + 1, of: argument.count)
            }
            if nearness.offer(candidate.name) { suggestedOption = candidate }
            i += 1
        }
        fail(.unknownOption)
    }

    private func isShortHelp(_ argument: Slab<UInt8>) -> Bool {
        argument.count == 2 && argument[1] == UInt8(ascii: "h")
    }

    private mutating func accept(_ option: Option, valueOffset: Int, of count: Int) {
        let hasValue = valueOffset <= count
        if command != .none && !option.belongs(to: command) {
            suggestedOption = option
            return fail(.foreignOption)
        }
        if command == .none && option != .help { return fail(.noCommand) }
        if option.takesPath {
            if pathArgument(option) != 0 { return fail(.givenTwice) }
            if !hasValue {
                awaiting = option
            } else if valueOffset == count {
                fail(.missingPath)
            } else {
                keep(option, offset: valueOffset)
            }
            return
        }
        if hasValue { return fail(.unknownOption) }
        if option == .json { wantsJSON = true }
        if option == .help { wantsHelp = true }
    }

    private mutating func keep(_ option: Option, offset: Int) {
        paths[Int(option.rawValue)] = argumentCount
        pathOffsets[Int(option.rawValue)] = offset
    }

    /// One sentence. `argument` is the text of the argument at fault.
    public func writeMistake(argument: Slab<UInt8>, into writer: inout ByteWriter) {
        switch mistake {
        case .nothing: break
        case .noCommand: writer.append("no command was given")
        case .unknownCommand: writeQuoted("unknown command ", argument, &writer)
        case .unknownOption: writeQuoted("unknown option ", argument, &writer)
        case .foreignOption:
            writeQuoted("the option ", argument, &writer)
            writer.append(" does not belong to \"")
            writer.append(command.name)
            writer.append(UInt8(ascii: "\""))
        case .missingPath: writeQuoted("a path is missing after ", argument, &writer)
        case .givenTwice:
            writeQuoted("the option ", argument, &writer)
            writer.append(" is given twice")
        case .tooMuch: writeQuoted("one argument too many: ", argument, &writer)
        }
        writeSuggestion(&writer)
    }

    private func writeQuoted(
        _ lead: StaticString, _ argument: Slab<UInt8>, _ writer: inout ByteWriter
    ) {
        writer.append(lead)
        writer.append(UInt8(ascii: "\""))
        writer.append(argument, as: .plain, maxColumns: 60)
        writer.append(UInt8(ascii: "\""))
    }

    private func writeSuggestion(_ writer: inout ByteWriter) {
        var name: StaticString = ""
        if mistake == .unknownCommand { name = suggestedCommand.name }
        if mistake == .unknownOption, let suggestedOption { name = suggestedOption.name }
        if name.utf8CodeUnitCount == 0 {
            writer.append("; \"tinycot help\" lists commands and options.")
            return
        }
        writer.append("; did you mean \"")
        writer.append(name)
        writer.append("\"?")
    }
}
