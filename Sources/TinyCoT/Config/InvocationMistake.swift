// The sentence about a command line that is wrong. Printed by the edge.

extension Invocation {
    /// One sentence. `argument` is the text of the argument at fault.
    public func writeMistake(argument: Slab<UInt8>, into writer: inout ByteWriter) {
        switch mistake {
        case .nothing: break
        case .noCommand: writer.append("no command was given")
        case .unknownCommand: writeQuoted("unknown command ", argument, &writer)
        case .noAction: writer.append("\"packages\" must be told what to do")
        case .unknownAction: writeQuoted("\"packages\" cannot ", argument, &writer)
        case .noOperand:
            writer.append(operand)
            writer.append(" must be named behind ")
            writeCommand(&writer)
        case .unknownOption: writeQuoted("unknown option ", argument, &writer)
        case .foreignOption: writeForeignOption(argument, &writer)
        case .missingValue:
            writer.append(mistakeOption.value)
            writer.append(" is missing behind \"")
            writer.append(mistakeOption.name)
            writer.append(UInt8(ascii: "\""))
        case .givenTwice:
            writeQuoted("the option ", argument, &writer)
            writer.append(" is given twice")
        case .tooMuch: writeQuoted("one argument too many: ", argument, &writer)
        case .tooManyFiles: writeQuoted("one file too many: ", argument, &writer)
        case .noFormat: writer.append("\"export\" must be told what to write")
        case .twoFormats: writeQuoted("a second format is named: ", argument, &writer)
        case .noTarget: writer.append("\"replay\" must be told the server: --to HOST:PORT")
        }
        writeSuggestion(&writer)
    }

    private func writeForeignOption(_ argument: Slab<UInt8>, _ writer: inout ByteWriter) {
        writeQuoted("the option ", argument, &writer)
        writer.append(" does not belong to ")
        writeCommand(&writer)
    }

    /// In quotes, with its action.
    private func writeCommand(_ writer: inout ByteWriter) {
        writer.append(UInt8(ascii: "\""))
        writer.append(command.name)
        if action != .none {
            writer.append(UInt8(ascii: " "))
            writer.append(action.name)
        }
        writer.append(UInt8(ascii: "\""))
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
        if suggestion.utf8CodeUnitCount > 0 {
            writer.append("; did you mean \"")
            writer.append(suggestion)
            writer.append("\"?")
            return
        }
        switch mistake {
        case .noAction, .unknownAction:
            writer.append("; it can list, add, remove and verify.")
        case .noFormat: writer.append("; name --gpx, --kml or --json.")
        case .twoFormats: writer.append("; one of --gpx, --kml and --json is written at a time.")
        case .tooManyFiles: writer.append("; 64 can be named at a time.")
        default: writer.append("; \"tinycot help\" lists commands and options.")
        }
    }
}
