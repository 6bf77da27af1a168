/// A batch in the making: stretches of other batches, end to end.
public struct RecordBatchBuilder: Sendable {
    public let schema: Schema
    private var columns: [Column]
    public private(set) var rowCount = 0

    public init(_ schema: Schema) {
        self.schema = schema
        columns = RecordBatch(emptyOf: schema).columns
    }

    /// Appends rows `range` of `batch`, which has the same schema.
    public mutating func append(_ batch: RecordBatch, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        for i in columns.indices {
            Self.append(batch.columns[i].values, range, to: &columns[i].values)
            guard schema.columns[i].isNullable else { continue }
            var flags = columns[i].validity ?? [Bool](repeating: true, count: rowCount)
            columns[i].validity = nil
            if let given = batch.columns[i].validity {
                flags.append(contentsOf: given[range])
            } else {
                flags.append(contentsOf: repeatElement(true, count: range.count))
            }
            columns[i].validity = flags
        }
        rowCount += range.count
    }

    private static func append(_ source: ColumnValues, _ range: Range<Int>, to target: inout ColumnValues) {
        // The target is emptied while it is changed, so that its array has one owner and grows in place.
        switch (target, source) {
        case (.int64(var values), .int64(let more)):
            target = .bool([])
            values.append(contentsOf: more[range])
            target = .int64(values)
        case (.float64(var values), .float64(let more)):
            target = .bool([])
            values.append(contentsOf: more[range])
            target = .float64(values)
        case (.bytes(var values), .bytes(let more)):
            target = .bool([])
            values.append(contentsOf: more, in: range)
            target = .bytes(values)
        case (.bool(var values), .bool(let more)):
            target = .int64([])
            values.append(contentsOf: more[range])
            target = .bool(values)
        default: preconditionFailure("both have the table's schema")
        }
    }

    /// Bytes of the values so far.
    public var heldBytes: Int { columns.reduce(0) { $0 + $1.values.heldBytes } }

    /// Of the column whose values are widest, the bytes of a value on average.
    public var widestRow: Int { (columns.map(\.values.heldBytes).max() ?? 0) / max(rowCount, 1) }

    /// The rows so far; the builder is empty afterwards.
    public mutating func finish() -> RecordBatch {
        let batch = RecordBatch(trusted: schema, columns)
        columns = RecordBatch(emptyOf: schema).columns
        rowCount = 0
        return batch
    }
}

extension RecordBatch {
    /// Rows `range`, copied.
    public func slice(_ range: Range<Int>) -> RecordBatch {
        if range == 0..<rowCount { return self }
        var builder = RecordBatchBuilder(schema)
        builder.append(self, range)
        return builder.finish()
    }
}
