/// How long a group commit waits for writers that were seen a moment ago, so that one sync serves them all.
///
/// - A sync costs more of a processor than a small record: where several writers come again and again, to wait a seventh of
///   a millisecond spares every second one. A writer who is alone is never waited for.
/// - Waits that bring nobody become rare: after each the next is twice as many commits away.
///
/// A state machine without a clock; all times are nanoseconds.
struct CrowdPatience {
    /// The longest that a commit waits.
    static let longest: UInt64 = 150_000
    /// Writers who were in a commit longer ago than this are not expected back.
    static let memory: UInt64 = 1_000_000
    /// With so many records in hand a sync is spread thin already.
    static let enough = 8
    private static let rarest = 256

    /// Records of the last two commits, and when the last one ended.
    private var last = 0
    private var beforeLast = 0
    private var ended: UInt64?
    /// Commits to go by without a wait, and how many it was last time.
    private var toSkip = 0
    private var skipped = 0

    /// How long to wait before `pending` records are written.
    mutating func wait(pending: Int, now: UInt64) -> UInt64 {
        let crowd = min(last + beforeLast, Self.enough)
        guard let ended, now &- ended < Self.memory, crowd > 2, pending < crowd else { return 0 }
        if toSkip > 0 {
            toSkip -= 1
            return 0
        }
        return Self.longest
    }

    /// A wait is over that began with `before` records.
    mutating func waited(before: Int, after: Int) {
        skipped = after > before ? 0 : min(max(skipped * 2, 1), Self.rarest)
        toSkip = skipped
    }

    mutating func committed(records: Int, at now: UInt64) {
        (beforeLast, last) = (last, records)
        ended = now
    }
}
