public import Columnar

/// What several rows of one key come to: the meaning of an update mode.
///
/// - It sees the rows of a key in the order of their writes, in pieces: what it made of older rows comes back as the oldest
///   row of a later call. So it must be associative: combining (a, b) and then c is combining a, b, c.
/// - Rows before and after a flush or a merge of files must give the same answer: it has no state and no choice.
public protocol MergeOperator: Sendable {
    /// Why it does not fit a table of this schema; nil: it fits.
    func problem(with schema: Schema) -> String?

    /// - Parameters:
    ///   - rows: of one key, oldest write first; two or more.
    ///   - output: takes what they come to: one row, or all of them.
    func combine(_ rows: Range<Int>, of batch: RecordBatch, into output: inout RecordBatchBuilder)
}

extension MergeOperator {
    public func problem(with schema: Schema) -> String? { nil }
}

/// `overwrite`: the newest row.
struct KeepNewest: MergeOperator {
    func combine(_ rows: Range<Int>, of batch: RecordBatch, into output: inout RecordBatchBuilder) {
        output.append(batch, rows.upperBound - 1..<rows.upperBound)
    }
}

/// `append`: every row.
struct KeepAll: MergeOperator {
    func combine(_ rows: Range<Int>, of batch: RecordBatch, into output: inout RecordBatchBuilder) {
        output.append(batch, rows)
    }
}

/// `bytes-append`: byte strings end to end, null only where all are null; else the newest value.
struct AppendBytes: MergeOperator {
    func problem(with schema: Schema) -> String? {
        let values = schema.columns[schema.keyCount...]
        if values.contains(where: { $0.type == .bytes || $0.type == .text }) { return nil }
        return "bytes-append needs a value column of type bytes or text"
    }

    func combine(_ rows: Range<Int>, of batch: RecordBatch, into output: inout RecordBatchBuilder) {
        let newest = rows.upperBound - 1
        let schema = batch.schema
        let columns = batch.columns.enumerated().map { i, column -> Column in
            guard i >= schema.keyCount, case .bytes(let strings) = column.values else {
                return column.row(newest)
            }
            var whole: [UInt8] = []
            var isThere = false
            for row in rows where column.validity?[row] ?? true {
                whole.append(contentsOf: strings[row])
                isThere = true
            }
            return Column(.bytes(BytesColumn([whole])), validity: column.validity == nil ? nil : [isThere])
        }
        output.append(RecordBatch(trusted: schema, columns), 0..<1)
    }
}

extension Column {
    /// One row of it, as a column.
    fileprivate func row(_ i: Int) -> Column {
        let values: ColumnValues =
            switch self.values {
            case .int64(let values): .int64([values[i]])
            case .float64(let values): .float64([values[i]])
            case .bool(let values): .bool([values[i]])
            case .bytes(let values): .bytes(BytesColumn([Array(values[i])]))
            }
        return Column(values, validity: validity.map { [$0[i]] })
    }
}
