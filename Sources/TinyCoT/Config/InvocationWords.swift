// The words of the command line: commands, what `packages` can do, options, and which belongs to
// which. Read by Invocation; `tinycot help` says what each means.

extension Invocation {
    public enum Command: UInt8, BitwiseCopyable, Sendable {
        case none, serve, check, budget, status, packages, backup, restore, export, replay
        case doctor, version, help

        static var count: UInt8 { 13 }

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
            case .export: "export"
            case .replay: "replay"
            case .doctor: "doctor"
            case .version: "version"
            case .help: "help"
            }
        }

        /// What must be named behind it, or nothing.
        var operand: StaticString {
            switch self {
            case .backup: "the folder of the backup"
            case .restore: "the folder of a backup"
            case .export, .replay: "a file"
            default: ""
            }
        }

        /// Those that look at both files.
        var readsConfiguration: Bool {
            self == .serve || self == .check || self == .budget || self == .doctor
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

    /// What `export` writes.
    public enum Format: UInt8, BitwiseCopyable, Sendable { case none, gpx, kml, json }

    /// At most so many files can be named at a time.
    public static var fileLimit: Int { 64 }

    public enum Option: UInt8, BitwiseCopyable, Sendable {
        // Those with a value come first.
        case config, budget, stateDirectory, runDirectory, name, team
        case uid, type, to, speed, maxGap, bundle
        case json, gpx, kml, onlyForContacts, replace, help

        static var count: UInt8 { 18 }

        public var name: StaticString {
            switch self {
            case .config: "--config"
            case .budget: "--budget"
            case .stateDirectory: "--state-dir"
            case .runDirectory: "--run-dir"
            case .name: "--name"
            case .team: "--team"
            case .uid: "--uid"
            case .type: "--type"
            case .to: "--to"
            case .speed: "--speed"
            case .maxGap: "--max-gap"
            case .bundle: "--bundle"
            case .json: "--json"
            case .gpx: "--gpx"
            case .kml: "--kml"
            case .onlyForContacts: "--private"
            case .replace: "--replace"
            case .help: "--help"
            }
        }

        /// What stands behind it, or nothing.
        var value: StaticString {
            switch self {
            case .config, .budget, .stateDirectory, .runDirectory, .bundle: "a path"
            case .name, .team: "a name"
            case .uid: "a uid"
            case .type: "the beginning of a type"
            case .to: "a server"
            case .speed: "a number"
            case .maxGap: "a number of seconds"
            case .json, .gpx, .kml, .onlyForContacts, .replace, .help: ""
            }
        }

        var takesValue: Bool { value.utf8CodeUnitCount > 0 }

        func belongs(to command: Command, _ action: Action) -> Bool {
            switch self {
            case .config: command.readsConfiguration
            case .budget: command.readsConfiguration || command.usesPackages
            case .stateDirectory:
                command == .serve || command == .doctor || command.usesPackages
            case .runDirectory:
                command == .serve || command == .status || command == .doctor
                    || command.usesPackages
            case .name, .onlyForContacts: action == .add
            case .team: action == .add || command == .export
            case .uid, .type, .gpx, .kml: command == .export
            case .to, .speed, .maxGap: command == .replay
            case .bundle: command == .doctor
            case .json:
                command == .status || command == .export || command == .doctor || action == .list
            case .replace: command == .restore
            case .help: true
            }
        }
    }

    /// What is wrong with the command line.
    public enum Mistake: UInt8, BitwiseCopyable, Sendable {
        case nothing, noCommand, unknownCommand, noAction, unknownAction, noOperand
        case unknownOption, foreignOption, missingValue, givenTwice, tooMuch
        case tooManyFiles, noFormat, twoFormats, noTarget
    }
}
