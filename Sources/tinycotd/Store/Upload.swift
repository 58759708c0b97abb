// One upload on its way: the state machine that says what comes next, the temporary file, the hash
// so far, and what will be listed. It lies in a table of `uploads` places and belongs to exactly
// one connection.

import PackageStore
import TinyCoT

struct Upload: BitwiseCopyable {
    var isUsed = false
    var machine = PackageUpload()
    var file: TemporaryFile?
    var digest = Digest()
    /// nil for a raw body.
    var splitter: MultipartSplitter?
    /// Inside of the part that holds the package.
    var isInContent = false
    /// One part held it; further ones are passed over.
    var hadContent = false
    /// All of the body so far, framing and other parts included.
    var bodyBytes: Int64 = 0

    var address = Address()
    // What will be listed.
    var name = ShortText<255>()
    var creatorUID = ShortText<255>()
    var submissionUser = NameText()
    var mimeType = ShortText<120>()
    var keywords = ShortText<160>()
    var team = ShortText<40>()
    var isPublic = false
    /// The package is listed already: it costs no place, only room on the disk while it arrives.
    var isKnown = false
    /// The row may be on the disk although writing it failed: the next start finds out, and until
    /// then the file stays.
    var mayBeListed = false
    /// This upload made it public.
    var becamePublic = false
}
