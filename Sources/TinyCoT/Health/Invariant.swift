// Invariants stay in release builds: a daemon that carries on with broken state is worse than one
// that systemd restarts. Embedded Swift drops the text of a failed precondition, so the edge
// installs a sink that writes the sentence, the file and the line before the trap.

/// Where the last words go. The edge sets it once, at start; without it the trap is silent.
nonisolated(unsafe) public var invariantSink:
    (@Sendable (StaticString, StaticString, UInt) -> Void)? = nil

/// Stops the program if `condition` is false. `sentence` says what should have been true.
@inline(__always)
public func invariant(
    _ condition: @autoclosure () -> Bool, _ sentence: StaticString,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { invariantBroken(sentence, file, line) }
}

@inline(never)
public func invariantBroken(
    _ sentence: StaticString, _ file: StaticString = #fileID, _ line: UInt = #line
) -> Never {
    if let sink = invariantSink { sink(sentence, file, line) }
    fatalError()
}
