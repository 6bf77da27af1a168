public import Columnar
import ManifestLog
public import Parquet
import Platform

/// What a file says of itself in its key-value metadata: enough to make the manifest again from the files alone.
///
///     varve.table, varve.format, varve.schema (JSON)
///     varve.segment_start, varve.segment_end          milliseconds; the end is not in it
///     varve.min_time, varve.max_time                  first and last time; 0 without a time column
///     varve.min_id, varve.max_id                      of the selection column; 0 without one
///     varve.seq_min, varve.seq_max                    sequence numbers
///     varve.replaces                                  ids of the files that it took the place of, commas between
///     varve.update_mode                               overwrite, append
public enum FileDescription {
    /// Least and greatest time and key, gathered while rows go by.
    public struct Bounds: Sendable, Equatable {
        public var times: ClosedRange<Int64>?
        public var keys: ClosedRange<Int64>?
        public init() {}

        public mutating func add(times more: [Int64]) { times = Self.joined(times, more) }
        public mutating func add(keys more: [Int64]) { keys = Self.joined(keys, more) }

        private static func joined(_ range: ClosedRange<Int64>?, _ values: [Int64]) -> ClosedRange<Int64>? {
            guard var low = range?.lowerBound ?? values.first, var high = range?.upperBound ?? values.first else {
                return nil
            }
            for value in values {
                low = min(low, value)
                high = max(high, value)
            }
            return low...high
        }
    }

    public static func keyValues(_ context: FileContext, format: Int, _ bounds: Bounds) -> [(String, String)] {
        [
            ("varve.table", context.table),
            ("varve.format", String(format)),
            ("varve.schema", json(context.schema)),
            ("varve.segment_start", String(context.segment.lowerBound)),
            ("varve.segment_end", String(context.segment.upperBound)),
            ("varve.min_time", String(bounds.times?.lowerBound ?? 0)),
            ("varve.max_time", String(bounds.times?.upperBound ?? 0)),
            ("varve.min_id", String(bounds.keys?.lowerBound ?? 0)),
            ("varve.max_id", String(bounds.keys?.upperBound ?? 0)),
            ("varve.seq_min", context.sequences.lowerBound.description),
            ("varve.seq_max", context.sequences.upperBound.description),
            ("varve.replaces", context.replaces.map(\.description).joined(separator: ",")),
            ("varve.update_mode", context.updateMode == .overwrite ? "overwrite" : "append"),
        ]
    }

    /// - Throws: `.foreign` where the file says another format or schema than these.
    public static func check(_ file: ParquetFile, format: Int, _ schema: Schema) throws(StorageError) {
        guard file.metadata.value(for: "varve.format") == String(format) else {
            throw StorageError(
                .foreign,
                "\(file.name) is of format \(file.metadata.value(for: "varve.format") ?? "none"); this version reads \(format)"
            )
        }
        let found = file.metadata.value(for: "varve.schema") ?? "none"
        guard found == json(schema) else {
            throw StorageError(.foreign, "\(file.name) has the schema \(found.prefix(256)) instead of \(json(schema))")
        }
    }

    /// `{"columns":[{"name":"a","type":"int64"},…],"key":1}`; columns that may be null carry `"nullable":true`.
    static func json(_ schema: Schema) -> String {
        let columns = schema.columns.map { column in
            "{\"name\":\"\(escaped(column.name))\",\"type\":\"\(column.type)\"\(column.isNullable ? ",\"nullable\":true" : "")}"
        }
        return "{\"columns\":[\(columns.joined(separator: ","))],\"key\":\(schema.keyCount)}"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension StorageError {
    /// What a failure to read a file means: damage and foreign files by their kind, others by their own type.
    public init(reading error: any Error) {
        guard let error = error as? ParquetError else {
            self.init(wrapping: error)
            return
        }
        switch error.kind {
        case .damaged: self.init(.damaged, error.description)
        case .unsupported: self.init(.foreign, error.description)
        case .misuse: self.init(.unavailable, error.description)
        }
    }
}
