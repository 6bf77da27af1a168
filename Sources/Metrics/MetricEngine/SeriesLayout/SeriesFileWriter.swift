import Columnar
import MetricModel
import Parquet
import Platform
import StorageEngine

/// Makes one series file.
///
/// 1. Rows gather, their labels dealt out by key, each value once.
/// 2. At the end the commonest keys become columns.
/// 3. Row group by row group, each column gets a dictionary of the values in use there.
///
/// - Memory: of each label eight bytes, of each distinct value its bytes, and one row group in columns. Which keys become
///   columns depends on all rows, so a file ends early (`heldPerByte`): the rows go on in the next one.
struct SeriesFileWriter: TableFileWriter {
    private let context: FileContext
    private let options: SeriesLayout.Options
    private var segments: [Int64] = []
    private var ids: [Int64] = []
    private var metrics = KeyedValues(name: [])
    private var keys = LabelKeys()
    private var bounds = FileDescription.Bounds()

    init(_ context: FileContext, _ options: SeriesLayout.Options) {
        self.context = context
        self.options = options
    }

    mutating func append(_ rows: RecordBatch) throws(StorageError) {
        guard !rows.isEmpty else { return }
        let newIDs = rows.columns[SeriesFormat.Row.seriesID].int64s
        let newSegments = rows.columns[SeriesFormat.Row.segment].int64s
        let names = rows.columns[SeriesFormat.Row.metric].byteStrings
        let labels = rows.columns[SeriesFormat.Row.labels].byteStrings
        let first = ids.count
        guard first + rows.rowCount <= Int(Int32.max) else { throw failed("it has too many rows") }
        let problem: (row: Int, error: MalformedBytes)? = labels.bytes.withUnsafeBytes { bytes in
            names.bytes.withUnsafeBytes { nameBytes in
                for row in 0..<rows.rowCount {
                    let number = UInt32(first + row)
                    metrics.append(
                        UnsafeRawBufferPointer(rebasing: nameBytes[names.offsets[row]..<names.offsets[row + 1]]),
                        row: number)
                    var position = 0
                    do throws(MalformedBytes) {
                        try LabelEncoding.forEach(
                            in: UnsafeRawBufferPointer(rebasing: bytes[labels.offsets[row]..<labels.offsets[row + 1]])
                        ) { name, value in
                            keys.append(value, row: number, key: name, at: position)
                            position += 1
                        }
                    } catch { return (row, error) }
                }
                return nil
            }
        }
        if let (row, error) = problem {
            throw StorageError(.damaged, "the labels of series \(newIDs[row]) are not canonical: \(error)")
        }
        segments.append(contentsOf: newSegments)
        ids.append(contentsOf: newIDs)
        bounds.add(times: newSegments)
        bounds.add(keys: newIDs)
    }

    /// Of the bound of an output, rows in memory may hold a quarter.
    private static let heldPerByte = 4

    var size: Int { (ids.count * 16 + metrics.memory + keys.memory) * Self.heldPerByte }

    mutating func finish(marks: [(String, String)]) throws(StorageError) -> Bytes {
        let chosen = SeriesLabelColumns(
            choosingFrom: Dictionary(uniqueKeysWithValues: keys.columns.map { ($0.name, $0.count) }),
            most: options.labelColumns)
        var columns = chosen.names.compactMap { name in keys.columns.first { $0.name == name } }
        var others = keys.columns.filter { !chosen.names.contains($0.name) }
        others.sort { $0.name.lexicographicallyPrecedes($1.name) }
        var file = ParquetFileWriter(
            schema: SeriesFormat.schema(labels: chosen.texts), createdBy: options.createdBy,
            sortingColumns: [SeriesFormat.Leaf.segment.rawValue, SeriesFormat.Leaf.seriesID.rawValue])
        do {
            for start in stride(from: 0, to: ids.count, by: options.rowGroupRows) {
                let rows = start..<min(start + options.rowGroupRows, ids.count)
                try writeRowGroup(rows, &columns, &others, to: &file)
            }
            return try file.finish(
                keyValueMetadata: FileDescription.keyValues(context, format: SeriesFormat.version, bounds) + marks)
        } catch {
            throw failed("\(error)")
        }
    }

    private mutating func writeRowGroup(
        _ rows: Range<Int>, _ columns: inout [KeyedValues], _ others: inout [KeyedValues],
        to file: inout ParquetFileWriter
    ) throws(ParquetError) {
        let (pageRows, compression) = (options.pageRows, options.compression)
        file.beginRowGroup()
        let names = metrics.take(upTo: rows.upperBound)
        try file.write(
            .dictionary(
                names.dictionary, codes: names.codes, validity: nil, rows: rows.count, isOptional: false,
                pageRows: pageRows, compression: compression),
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
        for i in columns.indices {
            let values = columns[i].take(upTo: rows.upperBound)
            var validity: [Bool]?
            if values.rows.count < rows.count {
                var flags = Array(repeating: false, count: rows.count)
                for row in values.rows { flags[Int(row) - rows.lowerBound] = true }
                validity = flags
            }
            try file.write(
                .dictionary(
                    values.dictionary, codes: values.codes, validity: validity, rows: rows.count, isOptional: true,
                    pageRows: pageRows, compression: compression),
                column: leaf)
            leaf += 1
        }
        for chunk in EncodedChunk.stringMap(
            Self.maps(of: &others, rows), pageRows: pageRows, compression: compression)
        {
            try file.write(chunk, column: leaf)
            leaf += 1
        }
        try file.endRowGroup(rows: rows.count)
    }

    /// The labels without a column, row by row in order of their keys.
    /// - Parameter others: in order of their keys.
    private static func maps(of others: inout [KeyedValues], _ rows: Range<Int>) -> StringMaps {
        var labels: [[(key: [UInt8], value: [UInt8])]] = Array(repeating: [], count: others.isEmpty ? 0 : rows.count)
        for i in others.indices {
            let values = others[i].take(upTo: rows.upperBound)
            for (row, code) in zip(values.rows, values.codes) {
                labels[Int(row) - rows.lowerBound].append((others[i].name, Array(values.dictionary[Int(code)])))
            }
        }
        var maps = StringMaps()
        for row in 0..<rows.count { maps.appendRow(others.isEmpty ? [] : labels[row]) }
        return maps
    }

    private func failed(_ what: String) -> StorageError {
        StorageError(.unavailable, "a file of table \(context.table) was not written: \(what)")
    }
}
