// From a row of the catalogue to what the answers of the Marti API show.

import PackageStore
import TinyCoT

extension PackageRecord {
    init(_ row: PackageRow) {
        self.init(digest: row.hash)
        number = row.id
        sizeBytes = row.sizeBytes
        submittedAt = WallTime(milliseconds: row.submittedAtMilliseconds)
        name.set(row.name)
        creatorUID.set(row.creatorUid)
        submissionUser.set(row.submissionUser)
        mimeType.set(row.mimeType)
        tool.set(row.tool)
        keywords.set(row.keywords)
    }
}
