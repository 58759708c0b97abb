// What one limit demands of another. BudgetParser checks these after reading, so that a file
// whose values are each allowed, but not together, is refused with both names and both values.

/// `key` must be at least (or at most) so many eighths of `other`.
public struct BudgetRelation: BitwiseCopyable, Sendable {
    public let key: BudgetKey
    public let isAtLeast: Bool
    public let eighths: Int
    public let other: BudgetKey

    private static func atLeast(
        _ key: BudgetKey, _ eighths: Int, _ other: BudgetKey
    ) -> BudgetRelation {
        BudgetRelation(key: key, isAtLeast: true, eighths: eighths, other: other)
    }

    private static func atMost(_ key: BudgetKey, _ other: BudgetKey) -> BudgetRelation {
        BudgetRelation(key: key, isAtLeast: false, eighths: 8, other: other)
    }

    /// All relations, from 0; nil behind the last.
    public static func at(_ index: Int) -> BudgetRelation? {
        switch index {
        // One address can hold no more places than there are.
        case 0: atMost(.clientsPerAddress, .clients)
        // The longest event must be able to wait for a client at all.
        case 1: atLeast(.clientQueueBytes, 8, .eventMaxBytes)
        // The log collects by moving old events to its head: below four of the longest it would
        // move the same bytes again and again.
        case 2: atLeast(.eventLogBytes, 32, .eventMaxBytes)
        // What may wait for one client waits in the log.
        case 3: atMost(.clientQueueBytes, .eventLogBytes)
        case 4: atMost(.clientQueueEvents, .eventLogEvents)
        // The longest event arrives in blocks, whose links and last, half-empty block cost room.
        case 5: atLeast(.receivePoolBytes, 9, .eventMaxBytes)
        // The same holds for what is kept for late joiners.
        case 6: atLeast(.replayBytes, 9, .eventMaxBytes)
        // Alerts are kept with the rest of the picture.
        case 7: atMost(.emergencies, .replayEvents)
        case 8: atMost(.httpConnectionsPerAddress, .httpConnections)
        // The head of a request and the beginning of its body arrive in one buffer.
        case 9: atLeast(.httpReceiveBytes, 8, .httpHeadBytes)
        // Each upload has a connection.
        case 10: atMost(.uploads, .httpConnections)
        case 11: atMost(.uploadsPerAddress, .uploads)
        // The longest event with what stands before it must be able to wait for the dump.
        case 12: atLeast(.dumpRingBytes, 10, .eventMaxBytes)
        case 13: atMost(.dumpFileBytes, .dumpBytes)
        // A file has at least room for one of the longest events.
        case 14: atLeast(.dumpFileBytes, 10, .eventMaxBytes)
        default: nil
        }
    }

    /// Nil if `budget` keeps this relation.
    public func check(_ budget: Budget) -> ConfigError? {
        let value = key.value(in: budget)
        let otherValue = other.value(in: budget)
        let bound = otherValue * eighths / 8
        if isAtLeast ? value >= bound : value <= bound { return nil }
        var error = ConfigError(.contradiction, place: ConfigPlace(key.name))
        error.number = value
        error.minimum = bound
        error.allowed = isAtLeast ? "at least" : "at most"
        error.other = other.name
        error.maximum = otherValue
        return error
    }

    static func firstBroken(in budget: Budget) -> (ConfigError, BudgetRelation)? {
        var i = 0
        while let relation = BudgetRelation.at(i) {
            if let error = relation.check(budget) { return (error, relation) }
            i += 1
        }
        return nil
    }
}
