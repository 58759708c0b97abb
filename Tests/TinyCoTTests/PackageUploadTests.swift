// Every history of an upload up to the length in which all places are reached. The test is the
// store loop: it keeps its own account of file, folder and row, and knows only which fact may
// follow which action; it does not look at the phase.

import Testing

@testable import TinyCoT

/// The store loop and its disk, as seen from outside of `PackageUpload`.
private struct Account {
    var upload = PackageUpload()
    var action = UploadAction.readMore
    /// The file of this upload under its temporary name, and under its final one.
    var hasTemporary = false
    var isSynced = false
    var hasFile = false
    var isFolderSynced = false
    var hasRow = false
    /// The catalogue had this package before.
    var wasStored = false
    var wroteBytes = 0
    var hasHead = false
    var partIsOver = false
    var bodyIsOver = false
    var isMalformed = false
    var isWrongDigest = false
    var isClientGone = false
    var hasEnded = false
    var answer: UploadOutcome?
    var faults: [String] = []

    static let right = MartiAnswersTests.digest("1")
    static let wrong = MartiAnswersTests.digest("2")
    static let limit = 10

    static var head: UploadHead {
        var head = UploadHead(
            contentBytesMax: Int64(limit), otherUploads: 3, uploadsMax: 4, roomBytes: 1000)
        head.announcedDigest = right
        return head
    }

    /// All that can happen now.
    var choices: [UploadFact] {
        var choices: [UploadFact] = isClientGone ? [] : [.clientVanished]
        switch action {
        case .none where hasEnded, .answer, .close:
            choices += [
                .contentArrived(bytes: 1, roomBytes: 9), .partEnded, .bodyEnded, .bodyMalformed,
                .clientVanished,
            ]
        case .readMore:
            if !hasHead {
                choices.append(.headAccepted(Account.head))
            } else if !isClientGone {
                choices += [
                    .contentArrived(bytes: 4, roomBytes: 4),
                    .contentArrived(bytes: 0, roomBytes: 0),
                    .contentArrived(bytes: 11, roomBytes: 100),
                    .contentArrived(bytes: 4, roomBytes: 3), .partEnded, .bodyEnded,
                    .bodyMalformed,
                ]
            }
        case .openTemporary: choices += outcome(.temporaryOpened)
        case .hashAndWriteStretch: choices += outcome(.stretchWritten)
        case .computeDigest:
            choices += outcome(.digestComputed(Account.right, isStored: false))
            choices += [
                .digestComputed(Account.right, isStored: true),
                .digestComputed(Account.wrong, isStored: false),
                .digestComputed(Account.wrong, isStored: true),
            ]
        case .sync: choices += outcome(.synced)
        case .rename: choices += outcome(.renamed)
        case .syncFolder: choices += outcome(.folderSynced)
        case .storeRow: choices += outcome(.rowStored)
        case .discard: choices += [.discarded]
        case .withdraw: choices += [.withdrawn]
        case .none: invariantBroken("an action stays the one on its way until it ends")
        }
        return choices
    }

    private func outcome(_ fact: UploadFact) -> [UploadFact] {
        [fact, .diskFailed(isFull: true), .diskFailed(isFull: false)]
    }

    mutating func happen(_ fact: UploadFact) {
        note(fact)
        let next = upload.happened(fact)
        if hasEnded {
            expect(next == .none, "nothing after the last action, not even \(next)")
            return
        }
        if case .clientVanished = fact, isOnItsWay {
            expect(next == .none, "an action on its way is not overtaken by \(next)")
            return
        }
        action = next
        note(next)
    }

    private var isOnItsWay: Bool {
        switch action {
        case .readMore, .none, .answer, .close: false
        default: true
        }
    }

    private mutating func expect(_ condition: Bool, _ sentence: String) {
        if !condition { faults.append(sentence) }
    }

    private mutating func note(_ fact: UploadFact) {
        switch fact {
        case .headAccepted: hasHead = true
        case .partEnded: if !hasEnded { partIsOver = true }
        case .bodyEnded: if !hasEnded { bodyIsOver = true }
        case .bodyMalformed: if !hasEnded { isMalformed = true }
        case .clientVanished: isClientGone = true
        case .temporaryOpened: hasTemporary = true
        case .stretchWritten: wroteBytes += 4
        case .digestComputed(let digest, let isStored):
            isWrongDigest = digest != Account.right
            wasStored = isStored
        case .synced: isSynced = true
        case .renamed:
            expect(hasTemporary && !hasFile, "only a temporary is renamed")
            hasTemporary = false
            hasFile = true
        case .folderSynced: isFolderSynced = true
        case .rowStored: hasRow = true
        case .discarded: hasTemporary = false
        case .withdrawn: hasFile = false
        case .contentArrived, .diskFailed: break
        }
    }

    private mutating func note(_ next: UploadAction) {
        switch next {
        case .none: expect(false, "an action follows what has happened")
        case .openTemporary: expect(!hasTemporary && hasHead, "one temporary is opened")
        case .hashAndWriteStretch:
            expect(hasTemporary && !partIsOver, "content is written where there is a file")
        case .computeDigest:
            expect(bodyIsOver && partIsOver && wroteBytes > 0, "a whole content has a digest")
        case .sync: expect(hasTemporary && !isWrongDigest && bodyIsOver, "only what is right")
        case .rename: expect(isSynced && hasTemporary, "a file is synced before its rename")
        case .syncFolder: expect(hasFile, "the folder is synced after the rename")
        case .storeRow:
            expect(
                wasStored ? !hasTemporary : isFolderSynced && hasFile,
                "a row speaks of a file that stays")
            expect(!isWrongDigest && !isMalformed, "a row speaks of a whole package")
        case .discard: expect(hasTemporary, "only what is there is discarded")
        case .withdraw: expect(hasFile && !hasRow && !wasStored, "no file of a row is withdrawn")
        case .readMore: expect(!isClientGone, "nobody is there to be read from")
        case .answer(let outcome):
            answer = outcome
            hasEnded = true
            expect(!isClientGone, "nobody is there to be answered")
            expect((outcome == .stored) == hasRow, "200 if and only if the row is stored")
            noteEnd()
        case .close:
            hasEnded = true
            expect(isClientGone, "who is there is answered")
            noteEnd()
        }
    }

    private mutating func noteEnd() {
        expect(!hasTemporary, "the temporary was renamed or discarded")
        expect(hasFile == (hasRow && !wasStored), "a file without a row is withdrawn")
        expect(upload.isFinished, "it knows that it is finished")
    }
}

@Suite struct PackageUploadTests {
    @Test func everyHistory() {
        var histories = 0
        var answers: [UploadOutcome: Int] = [:]
        var closes = 0
        /// The longest way to 200 takes 13 facts with two stretches of content.
        func explore(_ account: Account, _ rest: Int, _ history: [UploadFact]) -> Bool {
            if rest == 0 { return true }
            for fact in account.choices {
                var next = account
                next.happen(fact)
                histories += 1
                if let fault = next.faults.first {
                    Issue.record("\(fault): \(history + [fact])")
                    return false
                }
                if next.hasEnded && !account.hasEnded {
                    closes += next.answer == nil ? 1 : 0
                    if let answer = next.answer { answers[answer, default: 0] += 1 }
                }
                // After the last action two more facts show that nothing follows.
                let left = next.hasEnded && !account.hasEnded ? min(2, rest - 1) : rest - 1
                if !explore(next, left, history + [fact]) { return false }
            }
            return true
        }
        _ = explore(Account(), 13, [])
        #expect(histories > 20_000)
        for outcome in [UploadOutcome.stored, .badRequest, .tooLarge, .diskFailed, .noRoom] {
            #expect(answers[outcome, default: 0] > 0, "\(outcome) is reached")
        }
        #expect(closes > 0)
    }

    private func play(_ facts: [UploadFact]) -> [UploadAction] {
        var upload = PackageUpload()
        return facts.map { upload.happened($0) }
    }

    private static let receive: [UploadFact] = [
        .headAccepted(Account.head), .temporaryOpened, .contentArrived(bytes: 4, roomBytes: 4),
        .stretchWritten, .contentArrived(bytes: 6, roomBytes: 6), .stretchWritten, .partEnded,
        .bodyEnded,
    ]
    private static let received: [UploadAction] = [
        .openTemporary, .readMore, .hashAndWriteStretch, .readMore, .hashAndWriteStretch,
        .readMore, .readMore, .computeDigest,
    ]

    @Test func theWayToTheAnswer() {
        let facts =
            PackageUploadTests.receive + [
                .digestComputed(Account.right, isStored: false), .synced, .renamed, .folderSynced,
                .rowStored,
            ]
        #expect(
            play(facts)
                == PackageUploadTests.received + [
                    .sync, .rename, .syncFolder, .storeRow, .answer(.stored),
                ])
    }

    @Test func theSamePackageAgainCostsNoFile() {
        let facts =
            PackageUploadTests.receive + [
                .digestComputed(Account.right, isStored: true), .discarded, .rowStored,
            ]
        #expect(
            play(facts)
                == PackageUploadTests.received + [.discard, .storeRow, .answer(.stored)])
    }

    @Test func aWrongDigestIsRefused() {
        for isStored in [false, true] {
            let facts =
                PackageUploadTests.receive + [
                    .digestComputed(Account.wrong, isStored: isStored), .discarded,
                ]
            #expect(
                play(facts)
                    == PackageUploadTests.received + [.discard, .answer(.badRequest)])
        }
    }

    @Test func whatWasNotAnnouncedIsNotCompared() {
        var head = Account.head
        head.announcedDigest = nil
        var facts = PackageUploadTests.receive
        facts[0] = .headAccepted(head)
        facts.append(.digestComputed(Account.wrong, isStored: false))
        #expect(play(facts).last == .sync)
    }

    @Test func headsAreRefusedBeforeAnythingIsOpened() {
        func answer(_ change: (inout UploadHead) -> Void) -> UploadAction {
            var head = Account.head
            change(&head)
            return play([.headAccepted(head)])[0]
        }
        #expect(answer { $0.otherUploads = 4 } == .answer(.tooManyUploads))
        #expect(answer { $0.bodyBytes = 10 + 65_536 } == .openTemporary)
        #expect(answer { $0.bodyBytes = 11 + 65_536 } == .answer(.tooLarge))
        #expect(answer { $0.bodyBytes = .max } == .answer(.tooLarge))
        #expect(answer { $0.roomBytes = 0 } == .answer(.noRoom))
        #expect(answer { $0.roomBytes = -5 } == .answer(.noRoom))
        let small: (inout UploadHead) -> Void = {
            $0.contentBytesMax = .max
            $0.bodyBytes = 2000 + 65_536
        }
        #expect(answer(small) == .answer(.noRoom))
    }

    @Test func theLimitsAreExact() {
        let start = Array(PackageUploadTests.receive[..<4])
        #expect(
            play(start + [.contentArrived(bytes: 7, roomBytes: 100), .discarded]).suffix(2)
                == [.discard, .answer(.tooLarge)])
        #expect(
            play(start + [.contentArrived(bytes: 6, roomBytes: 5), .discarded]).suffix(2)
                == [.discard, .answer(.noRoom)])
        let exact = play(start + [.contentArrived(bytes: 6, roomBytes: 6)])
        #expect(exact.last == .hashAndWriteStretch)
    }

    @Test func aFileWhoseRowFailsIsWithdrawn() {
        let facts =
            PackageUploadTests.receive + [
                .digestComputed(Account.right, isStored: false), .synced, .renamed, .folderSynced,
                .diskFailed(isFull: true), .withdrawn,
            ]
        #expect(play(facts).suffix(2) == [.withdraw, .answer(.noRoom)])
    }

    @Test func aClientThatGoesIsNotAnswered() {
        let opening = play([
            .headAccepted(Account.head), .clientVanished, .temporaryOpened, .discarded,
        ])
        #expect(opening == [.openTemporary, .none, .discard, .close])
        let whole =
            PackageUploadTests.receive + [
                .clientVanished, .digestComputed(Account.right, isStored: false), .synced,
                .renamed, .folderSynced, .rowStored,
            ]
        #expect(
            play(whole).suffix(6) == [.none, .sync, .rename, .syncFolder, .storeRow, .close])
    }

    /// An outcome of an action that is not on its way would be a fault of the store loop.
    @Test func outcomesWithoutAnActionStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            var upload = PackageUpload()
            _ = upload.happened(.rowStored)
        }
        await #expect(processExitsWith: .failure) {
            var upload = PackageUpload()
            _ = upload.happened(.diskFailed(isFull: false))
        }
        await #expect(processExitsWith: .failure) {
            var upload = PackageUpload()
            _ = upload.happened(.contentArrived(bytes: 1, roomBytes: 1))
        }
    }
}
