public import Parquet
import Synchronization

/// What a scan passed over and what it read.
public struct ScanStatistics: Sendable, Equatable {
    /// Objects and mem parts of the segment, and those of them that could not hold a wanted row.
    public var parts = 0
    public var partsPruned = 0
    /// Of the parts that were opened.
    public var rowGroups = 0
    public var rowGroupsPruned = 0
    /// Data pages of all columns that were read.
    public var pages = 0
    /// Stored bytes of pages and dictionaries that were read.
    public var bytes: UInt64 = 0
    /// Rows that came out of parts, before newer ones replaced older ones.
    public var rowsRead: UInt64 = 0
    /// Rows that the scan returned.
    public var rowsReturned: UInt64 = 0
    public init() {}
}

/// The counters behind it, shared by the cursors of one scan.
public final class ScanCounters: Sendable {
    private let counts = Mutex(ScanStatistics())
    /// The region's, which goes on for ever.
    private let total: ScanCounters?

    public convenience init() { self.init(addingTo: nil) }
    init(addingTo total: ScanCounters?) { self.total = total }

    public func add(_ change: (inout ScanStatistics) -> Void) {
        counts.withLock { change(&$0) }
        total?.add(change)
    }

    public func noteRowGroup(isPruned: Bool) {
        add {
            $0.rowGroups += 1
            $0.rowGroupsPruned += isPruned ? 1 : 0
        }
    }

    /// Pages that are about to be read.
    public func note(_ requests: [PageRequest], of file: ParquetFile) async throws {
        var pages = 0
        var bytes = 0
        for request in requests {
            let locations = try await file.pageLocations(rowGroup: request.rowGroup, column: request.column)
            for page in request.pages ?? Array(locations.indices) where locations.indices.contains(page) {
                pages += 1
                bytes += locations[page].size
            }
            let start = file.metadata.rowGroups[request.rowGroup].columns[request.column].start
            if request.withDictionary, let first = locations.first { bytes += first.offset - start }
        }
        let (foundPages, foundBytes) = (pages, UInt64(max(bytes, 0)))
        add {
            $0.pages += foundPages
            $0.bytes += foundBytes
        }
    }

    public var statistics: ScanStatistics { counts.withLock { $0 } }
}
