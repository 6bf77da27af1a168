import Columnar
import MetricModel
import Parquet
import StorageEngine

/// An open series file.
final class SeriesFileReader: TableFileReader {
    let file: ParquetFile
    let schema: Schema
    /// Leaf and key of each label column, in byte order of the keys.
    let labels: [(leaf: Int, name: [UInt8])]

    init(file: ParquetFile, schema: Schema, labels: [(leaf: Int, name: [UInt8])]) {
        self.file = file
        self.schema = schema
        self.labels = labels
    }

    var rowCount: UInt64 { UInt64(file.rowCount) }

    func value(for key: String) -> String? { file.metadata.value(for: key) }

    func cursor(_ scan: FileScan) -> any BatchCursor { SeriesCursor(self, scan) }

    /// All rows, in the form that a start wants them in.
    func codedRows() -> SeriesCursor { SeriesCursor(self, FileScan()) }
}

/// A page of rows at a time: ids and segments say which rows are wanted, then their labels are put together again.
///
/// - Memory: one page of every column, and the row group's dictionaries.
final class SeriesCursor: BatchCursor {
    private typealias Leaf = SeriesFormat.Leaf
    private let reader: SeriesFileReader
    private let scan: FileScan
    private var pages: AlignedPages
    private var metricDictionary: ParquetDictionary?
    private var labelDictionaries: [ParquetDictionary?] = []
    private var otherDictionaries: [ParquetDictionary?] = []

    init(_ reader: SeriesFileReader, _ scan: FileScan) {
        precondition(
            scan.keys == nil || scan.selectionColumn == SeriesFormat.Row.seriesID, "series are selected by their id")
        self.reader = reader
        self.scan = scan
        pages = AlignedPages(
            reader.file, scan, keyLeaf: Leaf.seriesID.rawValue, timeLeaf: Leaf.segment.rawValue,
            stepRows: min(1 << 14, scan.stepRows))
    }

    func next() async throws -> RecordBatch? {
        do {
            while let step = try await pages.next() {
                let batch = try await rows(of: step)
                if !batch.isEmpty { return batch }
            }
            return nil
        } catch {
            throw StorageError(reading: error)
        }
    }

    /// The next rows as they lie in the file; for a cursor that was asked for all of them.
    func nextCoded() async throws -> CodedSeriesRows? {
        do {
            while let step = try await pages.next() {
                let identity = try await identity(of: step)
                if !identity.ids.isEmpty { return try await coded(step, identity) }
            }
            return nil
        } catch {
            throw StorageError(reading: error)
        }
    }

    private func rows(of step: AlignedPages.Step) async throws -> RecordBatch {
        let identity = try await identity(of: step)
        let (ids, segments) = identity
        let wanted = scan.wantedRows(keys: ids, times: segments) ?? Array(ids.indices)
        guard !wanted.isEmpty else { return RecordBatch(emptyOf: reader.schema) }
        let rows = try await coded(step, identity)
        var metrics = BytesColumn()
        var canonical = BytesColumn()
        for row in wanted {
            metrics.append(rows.metrics[row])
            canonical.append { rows.appendLabels(of: row, to: &$0) }
        }
        return RecordBatch(
            trusted: reader.schema,
            [
                .int64(wanted.map { segments[$0] }), .int64(wanted.map { ids[$0] }), .bytes(metrics),
                .bytes(canonical),
            ])
    }

    private func request(_ step: AlignedPages.Step, _ leaf: Int, withDictionary: Bool = true) -> PageRequest {
        PageRequest(rowGroup: step.rowGroup, column: leaf, pages: step.pages, withDictionary: withDictionary)
    }

    private func identity(of step: AlignedPages.Step) async throws -> (ids: [Int64], segments: [Int64]) {
        if step.isFirstOfRowGroup {
            metricDictionary = nil
            labelDictionaries = Array(repeating: nil, count: reader.labels.count)
            otherDictionaries = [nil, nil]
        }
        let identity = [request(step, Leaf.seriesID.rawValue), request(step, Leaf.segment.rawValue)]
        try await scan.counters?.note(identity, of: reader.file)
        let found = try await reader.file.read(identity)
        return (try found[0].int64s(), try found[1].int64s())
    }

    private func coded(
        _ step: AlignedPages.Step, _ identity: (ids: [Int64], segments: [Int64])
    ) async throws -> CodedSeriesRows {
        let file = reader.file
        let otherLeaf = file.leaves.count - 2
        let isFirst = metricDictionary == nil
        let labels =
            [request(step, Leaf.metric.rawValue, withDictionary: isFirst)]
            + reader.labels.indices.map {
                request(step, reader.labels[$0].leaf, withDictionary: labelDictionaries[$0] == nil)
            }
            + (0..<2).map { request(step, otherLeaf + $0, withDictionary: otherDictionaries[$0] == nil) }
        try await scan.counters?.note(labels, of: file)
        var stored = try await file.read(labels)
        Self.keep(&stored[0], in: &metricDictionary)
        for i in reader.labels.indices { Self.keep(&stored[1 + i], in: &labelDictionaries[i]) }
        for i in 0..<2 { Self.keep(&stored[1 + reader.labels.count + i], in: &otherDictionaries[i]) }
        return CodedSeriesRows(
            ids: identity.ids, metrics: try stored[0].byteStrings(),
            labels: try reader.labels.indices.map {
                try CodedSeriesRows.Label(reader.labels[$0].name, stored[1 + $0], rows: identity.ids.count)
            },
            others: try StringMaps(keys: stored[stored.count - 2], values: stored[stored.count - 1]),
            startsDictionaries: isFirst)
    }

    /// A dictionary is read with the first pages of its row group, and lent to those that follow.
    private static func keep(_ column: inout ColumnPages, in dictionary: inout ParquetDictionary?) {
        if let found = column.dictionary { dictionary = found } else { column.dictionary = dictionary }
    }
}
