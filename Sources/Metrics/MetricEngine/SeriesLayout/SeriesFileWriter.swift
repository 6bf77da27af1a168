import Columnar
import MetricModel
import Parquet
import Platform
import StorageEngine

/// Makes one series file.
///
/// 1. Rows gather, while the label keys are counted.
/// 2. At the end the commonest keys become columns.
/// 3. Row group by row group, labels are dealt out to their columns.
///
/// - Memory: all rows of the file, since its columns depend on all of them, and one row group in columns. So a file ends
///   early (`heldPerByte`): the rows go on in the next one.
struct SeriesFileWriter: TableFileWriter {
    private let context: FileContext
    private let options: SeriesLayout.Options
    private var segments: [Int64] = []
    private var ids: [Int64] = []
    private var metrics = BytesColumn()
    private var labels = BytesColumn()
    private var keys = LabelKeys()
    private var counts: [Int] = []
    private var bounds = FileDescription.Bounds()

    init(_ context: FileContext, _ options: SeriesLayout.Options) {
        self.context = context
        self.options = options
    }

    mutating func append(_ rows: RecordBatch) throws(StorageError) {
        guard !rows.isEmpty else { return }
        let more = rows.columns[SeriesFormat.Row.labels].byteStrings
        for row in 0..<rows.rowCount {
            var position = 0
            try forEachLabel(of: more[row], id: rows.columns[SeriesFormat.Row.seriesID].int64s[row]) { name, _ in
                let key = keys.number(of: more.bytes[name], at: position)
                if key == counts.count { counts.append(0) }
                counts[key] += 1
                position += 1
            }
        }
        segments.append(contentsOf: rows.columns[SeriesFormat.Row.segment].int64s)
        ids.append(contentsOf: rows.columns[SeriesFormat.Row.seriesID].int64s)
        metrics.append(contentsOf: rows.columns[SeriesFormat.Row.metric].byteStrings, in: 0..<rows.rowCount)
        labels.append(contentsOf: more, in: 0..<rows.rowCount)
        bounds.add(times: rows.columns[SeriesFormat.Row.segment].int64s)
        bounds.add(keys: rows.columns[SeriesFormat.Row.seriesID].int64s)
    }

    /// Of the bound of an output, rows in memory may hold a quarter.
    private static let heldPerByte = 4

    var size: Int { (labels.bytes.count + metrics.bytes.count + ids.count * 32) * Self.heldPerByte }

    mutating func finish(marks: [(String, String)]) throws(StorageError) -> Bytes {
        let columns = SeriesLabelColumns(
            choosingFrom: Dictionary(uniqueKeysWithValues: zip(keys.names, counts)), most: options.labelColumns)
        // The column of each key; nil: labels_other.
        let columnOf = keys.names.map { name in columns.names.firstIndex(of: name) }
        var file = ParquetFileWriter(
            schema: SeriesFormat.schema(labels: columns.texts), createdBy: options.createdBy,
            sortingColumns: [SeriesFormat.Leaf.segment.rawValue, SeriesFormat.Leaf.seriesID.rawValue])
        for start in stride(from: 0, to: ids.count, by: options.rowGroupRows) {
            let rows = start..<min(start + options.rowGroupRows, ids.count)
            try writeRowGroup(rows, columns.names.count, columnOf, to: &file)
        }
        do {
            return try file.finish(
                keyValueMetadata: FileDescription.keyValues(context, format: SeriesFormat.version, bounds) + marks)
        } catch {
            throw failed(error)
        }
    }

    // MARK: row groups

    /// One label column of a row group: the rows that have it, and its values there.
    private struct LabelColumn {
        var rows: [Int] = []
        var values = BytesColumn()
    }

    private mutating func writeRowGroup(
        _ rows: Range<Int>, _ columnCount: Int, _ columnOf: [Int?], to file: inout ParquetFileWriter
    ) throws(StorageError) {
        var columns = Array(repeating: LabelColumn(), count: columnCount)
        var others = StringMaps()
        for row in rows {
            var rest: [(key: [UInt8], value: [UInt8])] = []
            var position = 0
            try forEachLabel(of: labels[row], id: ids[row]) { name, value in
                let key = keys.number(of: labels.bytes[name], at: position)
                position += 1
                if let column = columnOf[key] {
                    columns[column].rows.append(row - rows.lowerBound)
                    columns[column].values.append(labels.bytes[value])
                } else {
                    rest.append((Array(labels.bytes[name]), Array(labels.bytes[value])))
                }
            }
            others.appendRow(rest)
        }
        do {
            try write(rows, columns, others, to: &file)
        } catch {
            throw failed(error)
        }
    }

    private func write(
        _ rows: Range<Int>, _ columns: [LabelColumn], _ others: StringMaps, to file: inout ParquetFileWriter
    ) throws(ParquetError) {
        var names = BytesColumn()
        names.append(contentsOf: metrics, in: rows)
        let (pageRows, compression) = (options.pageRows, options.compression)
        file.beginRowGroup()
        try file.write(
            .dictionary(names, validity: nil, isOptional: false, pageRows: pageRows, compression: compression),
            column: SeriesFormat.Leaf.metric.rawValue)
        // Segments ascend: the first and the last are all there is to see.
        let segment = segments[rows.lowerBound]
        let isOneSegment = segment == segments[rows.upperBound - 1]
        var idChunk = EncodedChunk.deltas(
            Array(ids[rows]), validity: nil, isOptional: false, pageRows: pageRows, compression: compression)
        if isOneSegment { idChunk.order = .ascending }
        try file.write(idChunk, column: SeriesFormat.Leaf.seriesID.rawValue)
        try file.write(
            isOneSegment
                ? .constant(segment, rows: rows.count, pageRows: pageRows, compression: compression)
                : .deltas(
                    Array(segments[rows]), validity: nil, isOptional: false, pageRows: pageRows,
                    compression: compression),
            column: SeriesFormat.Leaf.segment.rawValue)
        try file.write(
            .constant(
                Int64(bitPattern: context.sequences.upperBound.rawValue), rows: rows.count, pageRows: pageRows,
                compression: compression),
            column: SeriesFormat.Leaf.sequence.rawValue)
        var leaf = SeriesFormat.Leaf.allCases.count
        for column in columns {
            var validity: [Bool]?
            if column.rows.count < rows.count {
                var flags = Array(repeating: false, count: rows.count)
                for row in column.rows { flags[row] = true }
                validity = flags
            }
            try file.write(
                .dictionary(
                    present: column.values, validity: validity, rows: rows.count, isOptional: true, pageRows: pageRows,
                    compression: compression),
                column: leaf)
            leaf += 1
        }
        for chunk in EncodedChunk.stringMap(others, pageRows: pageRows, compression: compression) {
            try file.write(chunk, column: leaf)
            leaf += 1
        }
        try file.endRowGroup(rows: rows.count)
    }

    // MARK: labels

    private func forEachLabel(
        of labels: ArraySlice<UInt8>, id: Int64, _ body: (_ name: Range<Int>, _ value: Range<Int>) -> Void
    ) throws(StorageError) {
        do throws(MalformedBytes) {
            try LabelEncoding.forEach(in: labels, body)
        } catch {
            throw StorageError(.damaged, "the labels of series \(id) are not canonical: \(error)")
        }
    }

    private func failed(_ error: any Error) -> StorageError {
        StorageError(.unavailable, "a file of table \(context.table) was not written: \(error)")
    }
}

/// Label keys and their numbers. Series of one metric have the same keys, so a key is looked for first where it stood in
/// the row before.
private struct LabelKeys {
    private(set) var names: [[UInt8]] = []
    private var numbers: [[UInt8]: Int] = [:]
    /// Of each position within a row, the key seen there last.
    private var lastAt: [Int] = []

    mutating func number(of name: ArraySlice<UInt8>, at position: Int) -> Int {
        if position < lastAt.count, names[lastAt[position]].elementsEqual(name) { return lastAt[position] }
        let bytes = Array(name)
        let number: Int
        if let known = numbers[bytes] {
            number = known
        } else {
            number = names.count
            names.append(bytes)
            numbers[bytes] = number
        }
        if position < lastAt.count {
            lastAt[position] = number
        } else if position == lastAt.count {
            lastAt.append(number)
        }
        return number
    }
}
