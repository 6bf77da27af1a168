import Columnar
import Platform

/// What recovery needs to know of one log segment to tell a torn tail from damage.
struct SegmentFinding: Equatable {
    var number: LogSegmentNumber
    /// false: empty, cut or bad.
    var hasHeader = true
    var fileSize: UInt64
    /// The first place without a sound batch; 0 without a header.
    var chainEnd: UInt64
    /// After the last byte that is not zero and not an older log segment's.
    var dirtyEnd: UInt64
    /// Behind the end of what counts bytes of an older log segment may follow.
    var isReused = false
    /// A sound batch is in the chain.
    var hasChain = false
    /// A sound batch is anywhere in the file.
    var hasBatches = false
    /// The highest offset of each log segment that a sound batch in this one knows synced.
    var synced: [LogSegmentNumber: UInt64] = [:]
    /// Not all of the file could be searched.
    var gaveUp = false
    var found: String?
}

/// Torn or damaged (rule R5), decided from what is there.
///
/// Unsynced sectors reach the disk in any order, so a sound batch may follow a bad one. What was synced, sound batches
/// say themselves: a bad place below that was durable once and is damage; at or above it, it was never acknowledged.
enum TailVerdict: Equatable {
    case damaged(at: LogPosition, found: String)
    case usable(Usable)

    struct Usable: Equatable {
        /// The last log segment whose batches count; nil in a fresh log.
        var last: LogSegmentNumber?
        /// Bytes that are kept elsewhere, then cut off.
        var torn: [Torn] = []
        /// Log segments after the last one in use, without a batch that counts.
        var unused: [LogSegmentNumber] = []
    }

    struct Torn: Equatable {
        var segment: LogSegmentNumber
        /// From the first byte that does not count to the last one that is not zero.
        var range: Range<UInt64>
    }

    /// - Parameter findings: in order of number.
    static func of(_ findings: [SegmentFinding]) -> TailVerdict {
        var synced: [LogSegmentNumber: UInt64] = [:]
        for finding in findings { synced.merge(finding.synced) { max($0, $1) } }
        let lastWithBatches = findings.last { $0.hasBatches }?.number
        var usable = Usable(last: findings.last { $0.hasChain }?.number)
        var previous: LogSegmentNumber?
        for finding in findings {
            if let previous, previous.next != finding.number {
                // Log segments go one by one from the oldest, each gone for good before the next: no crash leaves a gap.
                return .damaged(at: LogPosition(previous.next ?? previous, 0), found: "the log segment is missing")
            }
            previous = finding.number
            if !finding.hasHeader, let lastWithBatches, finding.number <= lastWithBatches {
                // A header is synced before its first batch is written, and before that of the next log segment.
                return .damaged(at: LogPosition(finding.number, 0), found: finding.found ?? "no header")
            }
            if finding.chainEnd < synced[finding.number] ?? 0 {
                return .damaged(
                    at: LogPosition(finding.number, finding.chainEnd),
                    found: finding.found ?? "zeros where a batch was")
            }
            if finding.gaveUp {
                return .damaged(
                    at: LogPosition(finding.number, finding.chainEnd), found: "too many places look like a batch")
            }
            if finding.dirtyEnd > finding.chainEnd {
                usable.torn.append(Torn(segment: finding.number, range: finding.chainEnd..<finding.dirtyEnd))
            }
            if usable.last.map({ $0 < finding.number }) ?? true { usable.unused.append(finding.number) }
        }
        return .usable(usable)
    }
}

extension SegmentFinding {
    init(_ scan: SegmentScan) {
        number = scan.number
        fileSize = scan.fileSize
        chainEnd = scan.chainEnd
        dirtyEnd = scan.dirtyEnd
        isReused = scan.isReused
        found = scan.found
        gaveUp = scan.gaveUp
        switch scan.header {
        case .valid: hasHeader = true
        case .empty:
            hasHeader = false
            found = scan.fileSize == 0 ? "an empty file" : "zeros where the header was"
        case .bad(let text):
            hasHeader = false
            found = text
        case .newerVersion(let version):
            hasHeader = false
            found = "format version \(version)"
        }
        hasChain = !scan.chain.isEmpty
        hasBatches = hasChain || !scan.strays.isEmpty
        for batch in [scan.chain, scan.strays].joined() {
            synced[batch.synced.segment] = max(synced[batch.synced.segment] ?? 0, batch.synced.offset)
        }
    }
}
