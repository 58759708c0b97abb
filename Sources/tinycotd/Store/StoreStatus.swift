// `/status.json`, for the page at `/`: the figures of both loops, and the clients that the asker
// may see, a page of them after the other. The first answer of the relay has the figures in it.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    mutating func standingsArrived(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.index = 0
        // A further page of a document that is on its way.
        if place.pointee.source == .status { return goOnAnswering(index) }
        place.pointee.document = StatusDocument()
        // It is asked for every two seconds; in between others have the place.
        place.pointee.keepAlive = false
        answerLong(index, "application/json", .status)
    }

    /// - Returns: false if the connection went on to ask for more.
    mutating func writeStatus(_ index: Int, _ piece: inout ByteWriter) -> Bool {
        let place = tables.connections.pointer(at: index)
        if place.pointee.slot < 0 {
            askAgain(index)
            return false
        }
        let question = bridge.question(place.pointee.slot).pointee
        let memory = bridge.memory(place.pointee.slot)
        if !place.pointee.document.isAtClients {
            let (counters, budget) = (counters, budget)
            place.pointee.document.begin(
                facts(seesAll: question.seesAll), memory.figures.pointer(at: 0), &piece
            ) { counters.pool($0, budget: budget) }
            if !place.pointee.document.isAtClients { return true }
        }
        while place.pointee.index < question.contactCount {
            let contact = memory.contacts[place.pointee.index]
            let standing = memory.standings[place.pointee.index]
            if !place.pointee.document.add(contact, standing, &piece) { return true }
            place.pointee.index += 1
        }
        if !question.isLast { return endPage(index, question.cursor) }
        if place.pointee.document.end(&piece) {
            releaseSlot(index)
            place.pointee.sourceEnded = true
        }
        return true
    }

    private mutating func facts(seesAll: Bool) -> StatusFacts {
        var facts = StatusFacts()
        facts.version = ProgramText.version
        facts.time = believableTime
        facts.uptimeSeconds = now.milliseconds(since: startedAt) / 1_000
        facts.seesAll = seesAll
        facts.memoryPeak = Int64(PeakMemory.bytes(scratch: tables.texts))
        facts.memoryLimit = Int64(budget.memoryBytes)
        facts.packages = Int64(clamping: counters.value(.packages))
        facts.packagesLimit = Int64(budget.packages)
        facts.packageBytes = Int64(clamping: counters.value(.packageBytes))
        facts.packageBytesLimit = Int64(budget.packageStoreBytes)
        var i = 0
        while i < WritePurpose.count {
            facts.writtenToday += Int64(clamping: counters.value(StoreCounter.today(i)))
            i += 1
        }
        facts.writtenLimit = Int64(clamping: budget.diskWriteBytesPerDay)
        warn(&facts)
        return facts
    }

    private mutating func warn(_ facts: inout StatusFacts) {
        // There is no other way yet.
        facts.warn(.unencrypted, if: true)
        facts.warn(.clock, if: facts.time == nil)
        let isOpen = catalogue != nil
        facts.warn(.store, if: !isOpen)
        facts.warn(.state, if: state.isFailing)
        facts.warn(.diskFull, if: isOpen && roomOnDisk() <= 0)
        facts.warn(.diskErrors, if: counters.value(.diskErrors) > 0)
        facts.warn(.diskBudget, if: isWriteBudgetUsedUp)
        facts.warn(.heap, if: tcs_heap_allocations_after_seal() > 0)
    }
}
