// Every short history of three clients under three keys, two of which share a bucket, against a
// dictionary.

import Testing

@testable import TinyCoT

@Suite struct ClientIndexTests {
    @Test func everyShortHistory() {
        let memory = FreshMemory(bytes: 4096)
        // Sixteen buckets: 1 and 17 fall into the same one.
        let keys: [UInt64] = [1, 17, 2]
        everyHistory(of: 12, length: 4) { history in
            var arena = memory.arena()
            let index = ClientIndex(clients: 3, arena: &arena)
            var model: [Int: UInt64] = [:]
            for step in history {
                let client = step % 3
                if step < 9 {
                    index.insert(client, key: keys[step / 3])
                    model[client] = keys[step / 3]
                } else {
                    index.remove(client)
                    model[client] = nil
                }
                for key in keys {
                    var found: [Int] = []
                    var at = index.first(key)
                    while let client = at, found.count < 4 {
                        found.append(client)
                        at = index.following(client)
                    }
                    if found.sorted() != model.filter({ $0.value == key }).keys.sorted() {
                        Issue.record("\(history): \(found) are filed under \(key)")
                        return false
                    }
                }
            }
            return true
        }
    }
}
