// The bytes of budget.json -> `Budget`. Called once at start, before anything opens.
// Keys that are missing keep their defaults; a key that is unknown, given twice, of the wrong
// type or out of its range is an error, and so are values that contradict each other.
// It never corrects a value: a limit is what the operator wrote, or the daemon does not start.

/// Namespace of the parsing functions; what is in progress lives in one call of `parse`.
public enum BudgetParser {
    /// - Parameter text: the whole file. Strings in it are decoded in place.
    public static func parse(_ text: Slab<UInt8>) throws(ConfigError) -> Budget {
        var reader = JSONReader(text)
        var budget = Budget()
        var lines = InlineArray<64, Int>(repeating: 0)
        guard try reader.next() == .objectStart else {
            throw reader.wrongType("an object", at: ConfigPlace())
        }
        // Every turn reads one member; a key can be read once, so there are no more than keys.
        while try reader.next() != .objectEnd {
            let key = try key(of: &reader)
            if lines[Int(key.rawValue)] != 0 {
                var error = ConfigError(.duplicateKey, line: reader.tokenLine)
                error.found = Quotation(key.name)
                throw error
            }
            lines[Int(key.rawValue)] = reader.tokenLine
            _ = try reader.next()
            let value = try reader.integer(in: key.range, at: ConfigPlace(key.name))
            key.set(value, in: &budget)
        }
        _ = try reader.next()
        if let (error, relation) = BudgetRelation.firstBroken(in: budget) {
            var located = error
            let ownLine = lines[Int(relation.key.rawValue)]
            located.line = ownLine > 0 ? ownLine : lines[Int(relation.other.rawValue)]
            throw located
        }
        return budget
    }

    private static func key(of reader: inout JSONReader) throws(ConfigError) -> BudgetKey {
        let name = reader.text()
        var i: UInt8 = 0
        while let key = BudgetKey(rawValue: i) {
            if name.isText(key.name) { return key }
            i += 1
        }
        var nearness = Nearness(name)
        i = 0
        while let key = BudgetKey(rawValue: i) {
            nearness.offer(key.name)
            i += 1
        }
        var error = ConfigError(.unknownKey, line: reader.tokenLine)
        error.found = Quotation(name)
        error.suggestion = nearness.suggestion
        throw error
    }
}
