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
}

/// A page of rows at a time: ids and segments say which rows are wanted, then their labels are put together again.
///
/// - Memory: one page of every column, and the row group's dictionaries.
private final class SeriesCursor: BatchCursor {
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

    private func rows(of step: AlignedPages.Step) async throws -> RecordBatch {
        let file = reader.file
        if step.isFirstOfRowGroup {
            metricDictionary = nil
            labelDictionaries = Array(repeating: nil, count: reader.labels.count)
            otherDictionaries = [nil, nil]
        }
        func request(_ leaf: Int, withDictionary: Bool = true) -> PageRequest {
            PageRequest(rowGroup: step.rowGroup, column: leaf, pages: step.pages, withDictionary: withDictionary)
        }
        let identity = [request(Leaf.seriesID.rawValue), request(Leaf.segment.rawValue)]
        try await scan.counters?.note(identity, of: file)
        let found = try await file.read(identity)
        let ids = try found[0].int64s()
        let segments = try found[1].int64s()
        let wanted = scan.wantedRows(keys: ids, times: segments) ?? Array(ids.indices)
        guard !wanted.isEmpty else { return RecordBatch(emptyOf: reader.schema) }

        let otherLeaf = file.leaves.count - 2
        let labels =
            [request(Leaf.metric.rawValue, withDictionary: metricDictionary == nil)]
            + reader.labels.indices.map {
                request(reader.labels[$0].leaf, withDictionary: labelDictionaries[$0] == nil)
            }
            + (0..<2).map { request(otherLeaf + $0, withDictionary: otherDictionaries[$0] == nil) }
        try await scan.counters?.note(labels, of: file)
        var stored = try await file.read(labels)
        Self.keep(&stored[0], in: &metricDictionary)
        for i in reader.labels.indices { Self.keep(&stored[1 + i], in: &labelDictionaries[i]) }
        for i in 0..<2 { Self.keep(&stored[1 + reader.labels.count + i], in: &otherDictionaries[i]) }

        let names = try stored[0].byteStrings()
        let assembly = LabelAssembly(
            columns: try reader.labels.indices.map {
                try LabelAssembly.Column(reader.labels[$0].name, stored[1 + $0], rows: ids.count)
            },
            others: try StringMaps(keys: stored[stored.count - 2], values: stored[stored.count - 1]))
        var metrics = BytesColumn()
        var canonical = BytesColumn()
        for row in wanted {
            metrics.append(names[row])
            canonical.append { assembly.appendLabels(of: row, to: &$0) }
        }
        return RecordBatch(
            trusted: reader.schema,
            [
                .int64(wanted.map { segments[$0] }), .int64(wanted.map { ids[$0] }), .bytes(metrics),
                .bytes(canonical),
            ])
    }

    /// A dictionary is read with the first pages of its row group, and lent to those that follow.
    private static func keep(_ column: inout ColumnPages, in dictionary: inout ParquetDictionary?) {
        if let found = column.dictionary { dictionary = found } else { column.dictionary = dictionary }
    }
}

/// Label columns back to canonical labels, row by row.
private struct LabelAssembly {
    struct Column {
        static let absent = UInt32.max
        let name: [UInt8]
        let dictionary: BytesColumn
        /// One per row.
        var codes: [UInt32]

        init(_ name: [UInt8], _ pages: ColumnPages, rows: Int) throws(ParquetError) {
            self.name = name
            let entries: BytesColumn
            if case .bytes(let found)? = pages.dictionary { entries = found } else { entries = BytesColumn() }
            let present = try pages.codes()
            guard present.allSatisfy({ $0 < entries.count }) else {
                throw pages.damaged("a code beyond its dictionary of \(entries.count)")
            }
            dictionary = entries
            if let validity = try pages.validity() {
                codes = Array(repeating: Self.absent, count: rows)
                var next = 0
                for (row, isThere) in validity.enumerated() where isThere {
                    codes[row] = present[next]
                    next += 1
                }
            } else {
                codes = present
            }
        }
    }

    /// In byte order of their names.
    let columns: [Column]
    let others: StringMaps

    /// Both lists of labels are in order: they are merged.
    func appendLabels(of row: Int, to bytes: inout [UInt8]) {
        var other = others.offsets[row]
        let end = others.offsets[row + 1]
        for column in columns where column.codes[row] != Column.absent {
            while other < end, others.keys[other].lexicographicallyPrecedes(column.name) {
                LabelEncoding.append(name: others.keys[other], value: others.values[other], to: &bytes)
                other += 1
            }
            LabelEncoding.append(
                name: column.name[...], value: column.dictionary[Int(column.codes[row])], to: &bytes)
        }
        while other < end {
            LabelEncoding.append(name: others.keys[other], value: others.values[other], to: &bytes)
            other += 1
        }
    }
}
