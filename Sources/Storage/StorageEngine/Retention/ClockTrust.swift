/// Whether the wall clock is believed when data is about to be removed for its age.
///
/// - The monotonic clock says how much time has passed. A wall clock that moved on by over an hour more has jumped: nothing
///   is removed until two more rounds saw it run evenly (note 12 of the fault matrix).
/// - A clock that is set back removes nothing by itself; that it was ahead before is forgotten with it.
struct ClockTrust {
    /// Milliseconds.
    static let tolerance: Int64 = 3_600_000
    static let confirmations = 2

    private var last: (wall: Int64, monotonic: UInt64)?
    private var owed = 0

    /// Asked once a round.
    /// - Parameters:
    ///   - wall: milliseconds since the epoch.
    ///   - monotonic: nanoseconds.
    mutating func mayExpire(wall: Int64, monotonic: UInt64) -> Bool {
        let before = last
        last = (wall, monotonic)
        guard let before else { return true }
        let passed = Int64(clamping: (monotonic - min(before.monotonic, monotonic)) / 1_000_000)
        let (moved, overflow) = wall.subtractingReportingOverflow(before.wall)
        if overflow || moved.addingSaturating(-passed) > Self.tolerance {
            owed = Self.confirmations
        } else if owed > 0 {
            owed -= 1
        }
        return owed == 0
    }
}
