// The words of the command line: commands, what `packages` can do, options, and which belongs to
// which. Read by Invocation; `tinycot help` says what each means.

extension Invocation {
    public enum Command: UInt8, BitwiseCopyable, Sendable {
        case none, serve, check, budget, status, packages, backup, restore, version, help

        static var count: UInt8 { 10 }

        public var name: StaticString {
            switch self {
            case .none: ""
            case .serve: "serve"
            case .check: "check"
            case .budget: "budget"
            case .status: "status"
            case .packages: "packages"
            case .backup: "backup"
            case .restore: "restore"
            case .version: "version"
            case .help: "help"
            }
        }

        /// What must be named behind it, or nothing.
        var operand: StaticString {
            switch self {
            case .backup: "the folder of the backup"
            case .restore: "the folder of a backup"
            default: ""
            }
        }

        /// `packages` and those that work on the same folders.
        var usesPackages: Bool {
            self == .packages || self == .backup || self == .restore
        }
    }

    /// What `packages` shall do: the word behind it.
    public enum Action: UInt8, BitwiseCopyable, Sendable {
        case none, list, add, remove, verify

        static var count: UInt8 { 5 }

        public var name: StaticString {
            switch self {
            case .none: ""
            case .list: "list"
            case .add: "add"
            case .remove: "remove"
            case .verify: "verify"
            }
        }

        /// What must be named behind it, or nothing.
        var operand: StaticString {
            switch self {
            case .add: "a file"
            case .remove: "the hash of a package"
            case .none, .list, .verify: ""
            }
        }
    }

    public enum Option: UInt8, BitwiseCopyable, Sendable {
        // Those with a value come first.
        case config, budget, stateDirectory, runDirectory, name, team
        case json, onlyForContacts, replace, help

        static var count: UInt8 { 10 }

        public var name: StaticString {
            switch self {
            case .config: "--config"
            case .budget: "--budget"
            case .stateDirectory: "--state-dir"
            case .runDirectory: "--run-dir"
            case .name: "--name"
            case .team: "--team"
            case .json: "--json"
            case .onlyForContacts: "--private"
            case .replace: "--replace"
            case .help: "--help"
            }
        }

        /// What stands behind it, or nothing.
        var value: StaticString {
            switch self {
            case .config, .budget, .stateDirectory, .runDirectory: "a path"
            case .name, .team: "a name"
            case .json, .onlyForContacts, .replace, .help: ""
            }
        }

        var takesValue: Bool { value.utf8CodeUnitCount > 0 }

        func belongs(to command: Command, _ action: Action) -> Bool {
            switch self {
            case .config: command == .serve || command == .check || command == .budget
            case .budget:
                command == .serve || command == .check || command == .budget
                    || command.usesPackages
            case .stateDirectory: command == .serve || command.usesPackages
            case .runDirectory:
                command == .serve || command == .status || command.usesPackages
            case .name, .team, .onlyForContacts: action == .add
            case .json: command == .status || action == .list
            case .replace: command == .restore
            case .help: true
            }
        }
    }

    /// What is wrong with the command line.
    public enum Mistake: UInt8, BitwiseCopyable, Sendable {
        case nothing, noCommand, unknownCommand, noAction, unknownAction, noOperand
        case unknownOption, foreignOption, missingValue, givenTwice, tooMuch
    }
}
