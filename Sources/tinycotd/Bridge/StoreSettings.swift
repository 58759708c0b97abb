// What the store loop has to know of the configuration in force. Its own copy: the relay's tables
// change places at a reload and are written to by the next one.

import TinyCoT

struct StoreSettings: BitwiseCopyable {
    var publicURL = ShortText<200>()
    var allowsDelete = false
    var announcesUploads = false
    var evictsOldest = false
    var headSeconds = 0
    var stallSeconds = 0
    var idleSeconds = 0
    var stateSeconds = 0
    var replayMaxSeconds = 0
    var dumpsEvents = false
    var dumpFileSeconds = 0
    private var allow: Slab<Network>
    private var allowCount = 0

    /// Of nobody and for nobody, until a configuration is copied into it.
    init(allow: Slab<Network>) { self.allow = allow }

    /// Copies a configuration; its networks into `allow`, which has the budget's room for them.
    init(_ config: Config, allow: Slab<Network>) {
        self.allow = allow
        publicURL = config.publicURL
        allowsDelete = config.allowsDelete
        announcesUploads = config.announcesUploads
        evictsOldest = config.evictsOldest
        headSeconds = config.httpHeadSeconds
        stallSeconds = config.httpStallSeconds
        idleSeconds = config.httpIdleSeconds
        stateSeconds = config.stateSeconds
        replayMaxSeconds = config.replayMaxSeconds
        dumpsEvents = config.dump.isEnabled
        dumpFileSeconds = config.dump.fileSeconds
        while allowCount < config.allowCount {
            allow[allowCount] = config.allow[allowCount]
            allowCount += 1
        }
    }

    /// The same settings with their networks copied to another place.
    func copied(to other: Slab<Network>) -> StoreSettings {
        var copy = self
        copy.allow = other
        var i = 0
        while i < allowCount {
            other[i] = allow[i]
            i += 1
        }
        return copy
    }

    /// May this address speak HTTP with us? The same list as for clients.
    func allows(_ address: Address) -> Bool {
        var i = 0
        while i < allowCount {
            if allow[i].contains(address) { return true }
            i += 1
        }
        return false
    }
}
