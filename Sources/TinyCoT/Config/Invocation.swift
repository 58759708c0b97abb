// What the operator typed: a command, for `packages` what it shall do, the files, the folder or the
// hash that it shall work with, and options. The edge hands over one argument after the other; this
// decides what they mean and keeps the numbers of the arguments that hold a path or a name. It
// never reads a file and never prints, except that it words its own error.

/// The command line, understood. Numbers of arguments count from 1; 0 means "not given".
public struct Invocation: BitwiseCopyable {
    public private(set) var command = Command.none
    public private(set) var action = Action.none
    public private(set) var mistake = Mistake.nothing
    /// The number of the argument at fault.
    public private(set) var mistakeArgument = 0
    public private(set) var wantsJSON = false
    public private(set) var wantsHelp = false
    /// `--private`: the package is not for everybody's list.
    public private(set) var wantsPrivate = false
    /// `--replace`: what the state folder holds is moved aside.
    public private(set) var wantsReplacing = false
    /// `--gpx`, `--kml` or `--json` behind `export`.
    public private(set) var format = Format.none
    /// The arguments that are files to work with, the hash of the package to remove, or the folder
    /// of a backup.
    private var operands: InlineArray<64, Int32> = .init(repeating: 0)
    public private(set) var operandCount = 0
    /// Where the value begins in its argument: 0, or behind the `=` of `--config=FILE`.
    private var values: InlineArray<12, Int> = .init(repeating: 0)
    private var valueOffsets: InlineArray<12, Int> = .init(repeating: 0)
    /// The name that was probably meant, or nothing.
    private(set) var suggestion: StaticString = ""
    private(set) var mistakeOption = Option.help
    private var awaiting: Option?
    private var argumentCount = 0

    public init() {}

    /// The argument that holds the value of `option`, which takes one.
    public func valueArgument(_ option: Option) -> Int { values[Int(option.rawValue)] }
    public func valueOffset(_ option: Option) -> Int { valueOffsets[Int(option.rawValue)] }

    /// What must be named behind command and action, or nothing.
    var operand: StaticString {
        action == .none ? command.operand : action.operand
    }
    /// The first file, the hash or the folder.
    public var operandArgument: Int { operandCount == 0 ? 0 : operandArgument(0) }
    /// The file with the number `index`, counted from 0.
    public func operandArgument(_ index: Int) -> Int { Int(operands[index]) }

    /// The next argument, the name of the program left out.
    public mutating func take(_ argument: Slab<UInt8>) {
        argumentCount += 1
        if mistake != .nothing { return }
        if let option = awaiting {
            awaiting = nil
            if argument.count == 0 { return fail(.missingValue, option) }
            keep(option, offset: 0)
            return
        }
        if argument.count > 1 && argument[0] == UInt8(ascii: "-") {
            takeOption(argument)
        } else if command == .none {
            takeCommand(argument)
        } else if command == .packages && action == .none {
            takeAction(argument)
        } else {
            takeOperand(argument)
        }
    }

    /// After the last argument.
    public mutating func finish() {
        if mistake != .nothing { return }
        if let awaiting { return fail(.missingValue, awaiting) }
        if wantsHelp { return }
        if command == .none { return fail(.noCommand) }
        if command == .packages && action == .none { return fail(.noAction) }
        if operandLimit > 0 && operandCount == 0 { return fail(.noOperand) }
        if command == .export && format == .none { return fail(.noFormat) }
        if command == .replay && valueArgument(.to) == 0 { fail(.noTarget) }
    }

    /// How many files or hashes can be named.
    private var operandLimit: Int {
        switch command {
        case .export, .replay: Invocation.fileLimit
        default: operand.utf8CodeUnitCount > 0 ? 1 : 0
        }
    }

    private mutating func takeOperand(_ argument: Slab<UInt8>) {
        if operandCount == operandLimit {
            return fail(operandCount > 1 ? .tooManyFiles : .tooMuch)
        }
        if argument.count == 0 { return fail(.noOperand) }
        operands[operandCount] = Int32(argumentCount)
        operandCount += 1
    }

    private mutating func fail(_ mistake: Mistake, _ option: Option = .help) {
        self.mistake = mistake
        mistakeArgument = argumentCount
        mistakeOption = option
    }

    private mutating func takeCommand(_ argument: Slab<UInt8>) {
        var nearness = Nearness(argument)
        var i: UInt8 = 1
        while i < Command.count {
            let candidate = Command(rawValue: i).unsafelyUnwrapped
            if argument.equals(candidate.name) {
                suggestion = ""
                command = candidate
                return
            }
            if nearness.offer(candidate.name) { suggestion = candidate.name }
            i += 1
        }
        fail(.unknownCommand)
    }

    private mutating func takeAction(_ argument: Slab<UInt8>) {
        var nearness = Nearness(argument)
        var i: UInt8 = 1
        while i < Action.count {
            let candidate = Action(rawValue: i).unsafelyUnwrapped
            if argument.equals(candidate.name) {
                suggestion = ""
                action = candidate
                return
            }
            if nearness.offer(candidate.name) { suggestion = candidate.name }
            i += 1
        }
        fail(.unknownAction)
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
                suggestion = ""
                return accept(candidate, valueOffset: nameCount + 1, of: argument.count)
            }
            if nearness.offer(candidate.name) { suggestion = candidate.name }
            i += 1
        }
        fail(.unknownOption)
    }

    private func isShortHelp(_ argument: Slab<UInt8>) -> Bool {
        argument.count == 2 && argument[1] == UInt8(ascii: "h")
    }

    private mutating func accept(_ option: Option, valueOffset: Int, of count: Int) {
        let hasValue = valueOffset <= count
        if option != .help {
            if command == .none { return fail(.noCommand) }
            if command == .packages && action == .none { return fail(.noAction) }
            if !option.belongs(to: command, action) { return fail(.foreignOption) }
        }
        if option.takesValue {
            if valueArgument(option) != 0 { return fail(.givenTwice) }
            if !hasValue {
                awaiting = option
            } else if valueOffset == count {
                fail(.missingValue, option)
            } else {
                keep(option, offset: valueOffset)
            }
            return
        }
        if hasValue { return fail(.unknownOption) }
        switch option {
        case .json where command == .export: choose(.json)
        case .json: wantsJSON = true
        case .gpx: choose(.gpx)
        case .kml: choose(.kml)
        case .onlyForContacts: wantsPrivate = true
        case .replace: wantsReplacing = true
        default: wantsHelp = true
        }
    }

    private mutating func choose(_ format: Format) {
        if self.format != .none && self.format != format { return fail(.twoFormats) }
        self.format = format
    }

    private mutating func keep(_ option: Option, offset: Int) {
        values[Int(option.rawValue)] = argumentCount
        valueOffsets[Int(option.rawValue)] = offset
    }
}
