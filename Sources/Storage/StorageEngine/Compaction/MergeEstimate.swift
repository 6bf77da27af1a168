import Columnar
import ManifestLog
import Platform

/// What a merge will take, guessed from what the manifest knows of its inputs: a pure function.
struct MergeEstimate: Equatable {
    var memory: Int
    /// Bytes of the outputs; no larger than the inputs, but for what their encodings differ.
    var disk: UInt64

    /// Free space that must be there before it starts.
    var diskWanted: UInt64 { disk.saturating(disk / 5) }

    init(inputs: [SSTMetadata], runs: Int, table: TableDefinition, options: CompactionOptions) {
        let rows = inputs.reduce(UInt64(0)) { $0.saturating($1.rows) }
        let size = inputs.reduce(UInt64(0)) { $0.saturating($1.size) }
        disk = size
        let width = Self.rowWidth(table.schema, storedRow: size / max(rows, 1))
        let step = Self.saturating(FileScan.stepRows(of: runs), width)
        // Each input holds a step as pages and as columns; the merge a batch; the writer a row group and what of the file
        // is not stored yet.
        let batch = Self.saturating(MergeCursor.targetRows, width)
        let writer = Self.saturating(table.layout.rowGroupRows, min(width, 64))
        memory = [Self.saturating(step, 2 * runs), Self.saturating(batch, 2), writer, options.uploadPart.bytes]
            .reduce(0) { sum, more in Self.sum(sum, more) }
    }

    /// Bytes of a row in memory: fixed columns as they are, byte strings as eight times what they are stored in.
    static func rowWidth(_ schema: Schema, storedRow: UInt64) -> Int {
        var width = 0
        for column in schema.columns {
            switch column.type {
            case .int64, .timestamp, .float64: width += 8
            case .bool: width += 1
            case .bytes, .text: width += 8 + Int(clamping: storedRow.saturatingProduct(8))
            }
        }
        return width
    }

    private static func saturating(_ a: Int, _ b: Int) -> Int {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? .max : product
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}

extension UInt64 {
    /// The sum, or the end of the range.
    func saturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    fileprivate func saturatingProduct(_ other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
