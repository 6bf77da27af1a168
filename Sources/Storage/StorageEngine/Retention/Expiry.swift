import Columnar
import ManifestLog

/// Which objects are past retention: whole segments, judged by the segment's end and by nothing else.
///
/// - A segment goes when its end is at or before now − retention: no row of it can still be visible.
/// - The one segment of a table without time windows never ends.
enum Expiry {
    /// Objects to remove, by place, oldest segment first.
    static func expired(_ live: [SSTMetadata], oldestTime: Int64) -> [(place: TableSegment, ids: [SSTID])] {
        let past = live.filter { $0.segment != TimeSegments.allTime && $0.segment.upperBound <= oldestTime }
        return Dictionary(grouping: past) { TableSegment(table: $0.table, segment: $0.segment) }
            .map { (place: $0.key, ids: $0.value.map(\.id).sorted()) }
            .sorted { ($0.place.segment.lowerBound, $0.place.table) < ($1.place.segment.lowerBound, $1.place.table) }
    }

    /// The oldest time still visible; nil without retention.
    static func oldestTime(now: Int64, retention: Duration?) -> Int64? {
        guard let (seconds, attoseconds) = retention?.components else { return nil }
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let length = overflow ? Int64.max : milliseconds.addingSaturating(attoseconds / 1_000_000_000_000_000)
        return now.addingSaturating(-max(length, 0))
    }
}
