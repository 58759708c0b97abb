// Comparing short texts with words: is a text this word, or is the word one of a list?

extension ShortText {
    /// Is `word` one of the words between commas and blanks?
    public func holds(word: Slab<UInt8>) -> Bool {
        var at = 0
        while at < Int(count) {
            var end = at
            while end < Int(count), self[end] != UInt8(ascii: ","), self[end] != UInt8(ascii: " ") {
                end += 1
            }
            if equals(word, from: at, to: end) { return true }
            at = end + 1
        }
        return false
    }

    public func holdsOnly(_ word: Slab<UInt8>) -> Bool { equals(word, from: 0, to: Int(count)) }

    private func equals(_ word: Slab<UInt8>, from start: Int, to end: Int) -> Bool {
        if end - start != word.count { return false }
        var i = 0
        while i < word.count {
            if self[start + i] != word[i] { return false }
            i += 1
        }
        return true
    }
}
