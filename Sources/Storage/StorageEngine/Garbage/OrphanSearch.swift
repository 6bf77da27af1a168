import Columnar
import ManifestLog
import ObjectStorage
import Platform

/// What may be deleted of what lies in a store, and why not the rest: rule R4, by claim numbers, without a clock.
enum OrphanSearch {
    enum Verdict: Equatable {
        case live
        /// Replaced earlier; the manifest remembers it until it is gone.
        case removed
        /// Of an older claim, and no manifest names it: it can never become live.
        case orphan
        /// Of this claim or a newer one: whoever made it decides.
        case notOurs
        /// No name that we give.
        case unknown
    }

    static func verdict(on key: ObjectKey, manifest: Manifest) -> Verdict {
        guard let id = ObjectPaths.sstID(of: key) else { return .unknown }
        if manifest.live[id] != nil { return .live }
        if manifest.removed[id] != nil { return .removed }
        #if PLANTED_BUGS
            if PlantedBug.current == .collectsByOldManifest { return .orphan }
        #endif
        return id.claim < manifest.claim ? .orphan : .notOurs
    }
}
