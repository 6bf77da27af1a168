import Columnar
import ManifestLog
import MetricModel
import Parquet
import Platform
import StorageEngine

/// The file's columns and what it says of itself.
enum SamplesFormat {
    static let version = "1"
    static let valueExpression = "coalesce(value_float, value_int / value_divisor)"

    /// Leaves of the file, in order.
    enum Leaf: Int, CaseIterable {
        case metric, seriesID, segment, timestamp, valueFloat, valueInt, valueDivisor, sequence
    }

    static let schema = ParquetSchema([
        ParquetColumn("metric", .byteArray, .string),
        ParquetColumn("series_id", .int64),
        ParquetColumn("segment", .int64, .timestampMillis),
        ParquetColumn("timestamp", .int64, .timestampMillis),
        ParquetColumn("value_float", .double, isOptional: true),
        ParquetColumn("value_int", .int64, isOptional: true),
        ParquetColumn("value_divisor", .double),
        ParquetColumn("seq", .int64),
    ])

    /// The logical row: series id, time, value.
    static func check(_ schema: Schema, name: String) throws(StorageError) {
        let types = schema.columns.map(\.type)
        guard types == [.int64, .timestamp, .float64], schema.keyCount == 2 else {
            throw StorageError(
                .foreign, "\(name): rows of (series id, time, value) are expected, keyed by the first two")
        }
    }

    /// Enough to make the manifest again from the file.
    static func keyValues(_ context: FileContext, _ bounds: Bounds) -> [(String, String)] {
        let columns = context.schema.columns.map { "{\"name\":\"\($0.name)\",\"type\":\"\($0.type)\"}" }
        return [
            ("varve.table", context.table),
            ("varve.format", version),
            (
                "varve.schema",
                "{\"columns\":[\(columns.joined(separator: ","))],\"key\":\(context.schema.keyCount)}"
            ),
            ("varve.segment_start", String(context.segment.lowerBound)),
            ("varve.segment_end", String(context.segment.upperBound)),
            ("varve.min_time", String(bounds.minTime)),
            ("varve.max_time", String(bounds.maxTime)),
            ("varve.min_id", String(bounds.minID)),
            ("varve.max_id", String(bounds.maxID)),
            ("varve.seq_min", context.sequences.lowerBound.description),
            ("varve.seq_max", context.sequences.upperBound.description),
            ("varve.replaces", context.replaces.map(\.description).joined(separator: ",")),
            ("varve.update_mode", context.updateMode.name),
            ("varve.value", valueExpression),
        ]
    }

    /// What a failed read means to the engine.
    static func storageError(_ error: any Error) -> StorageError {
        guard let error = error as? ParquetError else { return StorageError(wrapping: error) }
        return StorageError(error.kind == .unsupported ? .foreign : .damaged, error.description)
    }

    /// The metric number in a series id.
    static func metric(of id: Int64) -> Int64 { SeriesID(rawValue: id).metric }

    struct Bounds {
        var minTime = Int64.max
        var maxTime = Int64.min
        var minID = Int64.max
        var maxID = Int64.min
    }
}
