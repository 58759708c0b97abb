// How many bytes of uploads were taken in the running day: in all, and from each address. Called
// by the store loop before an upload begins and for every stretch of it. A day begins with its
// first byte and lasts 24 hours on the monotonic clock, because a board may not know the date;
// a restart begins a new one.
//
// The table is fixed. An address that finds no place in it takes that of the one which used least:
// whoever used much stays known, and the limit for all holds whatever anybody does.

/// The books of one day.
public struct UploadQuota: ~Copyable {
    struct Account: BitwiseCopyable {
        var address = Address()
        var bytes: Int64 = 0
        var endsAt = Instant.zero
        var isUsed = false
    }

    static var daySeconds: Int { 86_400 }

    private let accounts: Slab<Account>
    private let bytesMax: Int64
    private let bytesMaxPerAddress: Int64
    public private(set) var bytes: Int64 = 0
    private var endsAt = Instant.zero

    public init(budget: Budget, arena: inout Arena) {
        bytesMax = Int64(budget.uploadBytesPerDay)
        bytesMaxPerAddress = Int64(budget.uploadBytesPerAddressPerDay)
        accounts = arena.take(Account.self, count: budget.uploadAddresses)
        if !arena.isMeasuring { accounts.fill(Account()) }
    }

    /// What may still be taken from this address today.
    public mutating func remaining(for address: Address, now: Instant) -> Int64 {
        beginDay(now)
        var used: Int64 = 0
        if let index = find(address, now) { used = accounts[index].bytes }
        return max(0, min(bytesMax - bytes, bytesMaxPerAddress - used))
    }

    /// Seconds until more may be taken from this address.
    public func secondsToWait(for address: Address, now: Instant) -> Int {
        var wait = bytes >= bytesMax ? endsAt.milliseconds(since: now) : 0
        if let index = find(address, now), accounts[index].bytes >= bytesMaxPerAddress {
            wait = max(wait, accounts[index].endsAt.milliseconds(since: now))
        }
        return Int(wait / 1000) + 1
    }

    public mutating func take(_ count: Int, from address: Address, now: Instant) {
        invariant(count >= 0, "bytes are taken, not given back")
        beginDay(now)
        bytes += Int64(count)
        let index = find(address, now) ?? open(address, now)
        accounts[index].bytes += Int64(count)
    }

    private mutating func beginDay(_ now: Instant) {
        if now < endsAt { return }
        bytes = 0
        endsAt = now.after(seconds: UploadQuota.daySeconds)
    }

    private func find(_ address: Address, _ now: Instant) -> Int? {
        var i = 0
        while i < accounts.count {
            let account = accounts[i]
            if account.isUsed && account.address == address && now < account.endsAt { return i }
            i += 1
        }
        return nil
    }

    private func open(_ address: Address, _ now: Instant) -> Int {
        var best = 0
        var i = 0
        while i < accounts.count {
            let account = accounts[i]
            let isFree = !account.isUsed || account.endsAt <= now
            if isFree {
                best = i
                break
            }
            if account.bytes < accounts[best].bytes { best = i }
            i += 1
        }
        accounts[best] = Account(
            address: address, bytes: 0, endsAt: now.after(seconds: UploadQuota.daySeconds),
            isUsed: true)
        return best
    }
}
