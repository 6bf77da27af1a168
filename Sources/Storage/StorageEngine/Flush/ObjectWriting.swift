import Columnar
import ManifestLog
import ObjectStorage
import Platform

/// Rows to a durable object and the metadata that describes it: what flush and compaction share.
enum ObjectWriting {
    /// nil when there are no rows: then nothing is written.
    static func write(
        _ rows: MergeCursor, _ context: FileContext, _ table: TableDefinition, in region: Region
    ) async throws -> SSTMetadata? {
        // A merge can be begun again; who closes does not wait for it.
        let mayStop = context.purpose == .compaction
        var summary = RowSummary(table)
        var writer = try table.layout.makeWriter(context)
        while let batch = try await rows.next() {
            if mayStop, region.writer.isClosed { throw StorageError(.closed, "the database is closed") }
            summary.add(batch)
            try writer.append(batch)
        }
        guard summary.rows > 0 else { return nil }
        let bytes = try writer.finish()
        let id = region.makeObjectID()
        let key = ObjectPaths.sst(id, table: table.name, region: region.options.name, segment: context.segment)
        let made = SSTMetadata(
            id: id, table: table.number, segment: context.segment, size: UInt64(bytes.count),
            checksum: CRC32C.checksum(bytes), rows: summary.rows, minTime: summary.minTime, maxTime: summary.maxTime,
            minKey: summary.minKey, maxKey: summary.maxKey, minSequence: context.sequences.lowerBound,
            maxSequence: context.sequences.upperBound)
        #if PLANTED_BUGS
            if PlantedBug.current == .namesObjectBeforePut {
                region.environment.spawn { _ = try? await region.store.put(bytes, at: key, .ifAbsent) }
                return made
            }
        #endif
        do {
            try await region.store.put(bytes, at: key, .ifAbsent)
        } catch {
            // It may be there all the same; nothing will ever name it.
            region.discard([made])
            throw error
        }
        region.objects.keep(bytes, at: key)
        return made
    }
}

/// Counts and bounds of rows on their way into a file.
struct RowSummary {
    private let timeColumn: Int?
    private let keyColumn: Int?
    private(set) var rows: UInt64 = 0
    private(set) var minTime = Int64.max
    private(set) var maxTime = Int64.min
    private(set) var minKey = Int64.max
    private(set) var maxKey = Int64.min

    init(_ table: TableDefinition) {
        timeColumn = table.schema.timeColumn
        keyColumn = table.selectionColumn
        if timeColumn == nil { (minTime, maxTime) = (0, 0) }
        if keyColumn == nil { (minKey, maxKey) = (0, 0) }
    }

    mutating func add(_ batch: RecordBatch) {
        rows += UInt64(batch.rowCount)
        if let timeColumn {
            for time in batch.columns[timeColumn].int64s {
                minTime = min(minTime, time)
                maxTime = max(maxTime, time)
            }
        }
        if let keyColumn {
            for key in batch.columns[keyColumn].int64s {
                minKey = min(minKey, key)
                maxKey = max(maxKey, key)
            }
        }
    }
}
