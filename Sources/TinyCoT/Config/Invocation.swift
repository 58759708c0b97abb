// What the operator typed: a command, for `packages` what it shall do and with which file or hash,
// for `backup` and `restore` the folder, and options. The edge hands over one argument after the
// other; this decides what they mean and keeps the numbers of the arguments that hold a path or a
// name. It never reads a file and never prints, except that it words its own error.

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
    /// The file to add, the hash of the package to remove, the folder of a backup.
    public private(set) var operandArgument = 0
    /// Where the value begins in its argument: 0, or behind the `=` of `--config=FILE`.
    private var values: InlineArray<6, Int> = .init(repeating: 0)
    private var valueOffsets: InlineArray<6, Int> = .init(repeating: 0)
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
        } else if operand.utf8CodeUnitCount > 0 && operandArgument == 0 {
            if argument.count == 0 { return fail(.noOperand) }
            operandArgument = argumentCount
        } else {
            fail(.tooMuch)
        }
    }

    /// After the last argument.
    public mutating func finish() {
        if mistake != .nothing { return }
        if let awaiting { return fail(.missingValue, awaiting) }
        if wantsHelp { return }
        if command == .none { return fail(.noCommand) }
        if command == .packages && action == .none { return fail(.noAction) }
        if operand.utf8CodeUnitCount > 0 && operandArgument == 0 { fail(.noOperand) }
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
        if option == .json { wantsJSON = true }
        if option == .onlyForContacts { wantsPrivate = true }
        if option == .replace { wantsReplacing = true }
        if option == .help { wantsHelp = true }
    }

    private mutating func keep(_ option: Option, offset: Int) {
        values[Int(option.rawValue)] = argumentCount
        valueOffsets[Int(option.rawValue)] = offset
    }
}
