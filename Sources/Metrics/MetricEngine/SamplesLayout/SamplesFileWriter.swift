import Columnar
import Parquet
import Platform
import StorageEngine

/// Makes one samples file: rows gather until a row group is full, then become columns.
///
/// - Memory: one row group and a batch, besides what of the file was not taken.
struct SamplesFileWriter: TableFileWriter {
    /// Most rows of a row group of a flush: its file is soon merged, and its memory comes on top of the rows being flushed.
    private static let flushedRows = 1 << 18

    private let context: FileContext
    private let options: SamplesLayout.Options
    private let rowGroupRows: Int
    private let metricName: @Sendable (Int64) -> String?
    private var file: ParquetFileWriter
    private var pending = SamplesRowGroup(series: [], times: [], values: [])
    private var bounds = SamplesFormat.Bounds()

    init(
        _ context: FileContext, options: SamplesLayout.Options, metricName: @escaping @Sendable (Int64) -> String?
    ) {
        self.context = context
        self.options = options
        rowGroupRows = context.purpose == .flush ? min(options.rowGroupRows, Self.flushedRows) : options.rowGroupRows
        self.metricName = metricName
        file = ParquetFileWriter(
            schema: SamplesFormat.schema, createdBy: options.createdBy,
            sortingColumns: [SamplesFormat.Leaf.seriesID.rawValue, SamplesFormat.Leaf.timestamp.rawValue])
    }

    mutating func append(_ rows: RecordBatch) throws(StorageError) {
        guard !rows.isEmpty else { return }
        let ids = rows.columns[0].int64s
        let times = rows.columns[1].int64s
        addSeries(ids)
        pending.times.append(contentsOf: times)
        pending.values.append(contentsOf: rows.columns[2].float64s)
        for time in times {
            bounds.minTime = min(bounds.minTime, time)
            bounds.maxTime = max(bounds.maxTime, time)
        }
        bounds.minID = min(bounds.minID, ids[0])
        bounds.maxID = max(bounds.maxID, ids[ids.count - 1])
        while pending.rows > rowGroupRows {
            try writeRowGroup(
                SamplesPageCutting.rowGroupEnd(pending.series.lazy.map { $0.rows }, most: rowGroupRows))
        }
    }

    mutating func takeBytes() -> Bytes { file.takeBytes() }

    /// Pending rows as they will be, roughly.
    var size: Int { file.size + pending.rows * 2 }

    mutating func finish(marks: [(String, String)]) throws(StorageError) -> Bytes {
        if pending.rows > 0 { try writeRowGroup(pending.rows) }
        do {
            return try file.finish(keyValueMetadata: SamplesFormat.keyValues(context, bounds) + marks)
        } catch {
            throw StorageError(.unavailable, "a file of samples was not written: \(error)")
        }
    }

    private mutating func addSeries(_ ids: [Int64]) {
        ids.withUnsafeBufferPointer { ids in
            var start = 0
            while start < ids.count {
                let id = ids[start]
                var end = start + 1
                while end < ids.count && ids[end] == id { end += 1 }
                if let last = pending.series.indices.last, pending.series[last].id == id {
                    pending.series[last].rows += end - start
                } else {
                    assert(pending.series.last.map { $0.id < id } ?? true, "rows come in key order")
                    pending.series.append(.init(id: id, rows: end - start))
                }
                start = end
            }
        }
    }

    /// The first `rows` pending rows as a row group; the others stay. A series may be cut: its rest begins the next one.
    private mutating func writeRowGroup(_ rows: Int) throws(StorageError) {
        let rest = pending.split(at: rows)
        try write(pending)
        // The large buffers are used again.
        pending.replaceAll(with: rest)
    }

    private mutating func write(_ group: SamplesRowGroup) throws(StorageError) {
        let encoder = SamplesRowGroupEncoder(
            group, segmentStart: context.segment.lowerBound,
            sequence: Int64(bitPattern: context.sequences.upperBound.rawValue), purpose: context.purpose,
            plainValues: options.plainValues)
        do {
            try encoder.write(to: &file, metricName: metricName)
        } catch let error as StorageError {
            throw error
        } catch {
            throw StorageError(.unavailable, "a row group of samples was not written: \(error)")
        }
    }
}
