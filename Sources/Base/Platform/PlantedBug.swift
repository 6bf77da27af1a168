#if PLANTED_BUGS
    /// Mistakes that crash tests make on purpose, one at a time, to see that they are noticed. Each has its spot in the
    /// code, between `#if PLANTED_BUGS` and `#endif`; release builds know neither this type nor those spots.
    public enum PlantedBug: String, Sendable, CaseIterable {
        /// The log answers its writers, then syncs.
        case acknowledgesBeforeSync
        /// Recovery leaves torn bytes where they are and writes after them.
        case appendsBehindTornTail
        /// Log batches count whatever their checksum says.
        case ignoresBatchChecksum
        /// Sequence numbers begin at one in each life: neither claim nor manifest nor log is asked. (Each of the three
        /// alone covers for the others.)
        case sequenceRestarts
        /// The log is released before the change that makes it unneeded.
        case releasesLogBeforeDelta
        /// The manifest names an object that is still being put.
        case namesObjectBeforePut
        /// An outcome that is unknown is taken for a failure, and cleaned up after.
        case unknownIsLost
        /// A refused swap looks at the head's version alone, not at whose claim it is. (The comparison with the whole head
        /// that was wanted covers for it, so both go.)
        case ignoresClaim
        /// The manifest is made of the deltas that lie there, in the order of their names.
        case takesDeltasAsListed
        /// Snapshots do not say up to which version they stand.
        case snapshotWithoutVersion
        /// Objects that an outdated manifest does not name are collected, whoever made them.
        case collectsByOldManifest
        /// A merge takes the first and the last part of a segment and leaves one between.
        case mergesAcrossANeighbour
        /// What a failed flush had frozen is not flushed again.
        case failedFlushDropsMemPart
        /// Inputs of a merge are deleted at once, whoever still reads them.
        case deletesInputsUnderReaders
        /// An opener takes another claim's cut for one of its own log.
        case takesAnothersCut

        /// The one that is made in this task and in those it starts.
        @TaskLocal public static var current: PlantedBug?
    }
#endif
