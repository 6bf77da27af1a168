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
///     varve.update_mode                               overwrite, append, bytes-append
///     varve.change                                    id of the first of the files that one flush or merge wrote
///     varve.piece                                     which of them it is, from 0
///     varve.pieces                                    in the last of them: how many there are
///
/// A merge whose last file is missing was never committed: its outputs are not whole.
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
            ("varve.update_mode", context.updateMode.name),
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

extension FileDescription {
    /// What a file says of itself otherwise than the manifest; nil: nothing. A layout that says nothing is believed.
    static func difference(
        of file: any TableFileReader, from metadata: SSTMetadata, _ table: TableDefinition
    ) -> String? {
        var expected: [(key: String, value: String)] = [
            ("varve.table", table.name),
            ("varve.segment_start", String(metadata.segment.lowerBound)),
            ("varve.segment_end", String(metadata.segment.upperBound)),
            ("varve.seq_min", metadata.minSequence.description),
            ("varve.seq_max", metadata.maxSequence.description),
        ]
        if table.schema.timeColumn != nil {
            expected += [("varve.min_time", String(metadata.minTime)), ("varve.max_time", String(metadata.maxTime))]
        }
        if table.selectionColumn != nil {
            expected += [("varve.min_id", String(metadata.minKey)), ("varve.max_id", String(metadata.maxKey))]
        }
        for (key, value) in expected {
            if let found = file.value(for: key), found != value { return "its \(key) is \(found), not \(value)" }
        }
        return nil
    }
}

extension FileDescription {
    /// What the manifest would say of this file; nil where the file says too little, or nonsense.
    static func described(
        _ file: any TableFileReader, id: SSTID, table: TableDefinition, size: UInt64, checksum: UInt32
    ) -> FoundSST? {
        func integer(_ key: String) -> Int64? { file.value(for: key).flatMap { Int64($0) } }
        func sequence(_ key: String) -> SequenceNumber? {
            file.value(for: key).flatMap { UInt64($0) }.map { SequenceNumber($0) }
        }
        guard file.value(for: "varve.table") == table.name,
            file.value(for: "varve.update_mode") == table.updateMode.name,
            let start = integer("varve.segment_start"), let end = integer("varve.segment_end"), start < end,
            let minTime = integer("varve.min_time"), let maxTime = integer("varve.max_time"),
            let minKey = integer("varve.min_id"), let maxKey = integer("varve.max_id"),
            let minSequence = sequence("varve.seq_min"), let maxSequence = sequence("varve.seq_max"),
            minTime <= maxTime, minKey <= maxKey, minSequence <= maxSequence
        else { return nil }
        let hasTime = table.schema.timeColumn != nil
        let hasKey = table.selectionColumn != nil
        var replaces: [SSTID] = []
        for text in (file.value(for: "varve.replaces") ?? "").split(separator: ",") {
            guard let replaced = SSTID(text: text) else { return nil }
            replaces.append(replaced)
        }
        return FoundSST(
            metadata: SSTMetadata(
                id: id, table: table.number, segment: start..<end, size: size, checksum: checksum, rows: file.rowCount,
                minTime: hasTime ? minTime : 0, maxTime: hasTime ? maxTime : 0, minKey: hasKey ? minKey : 0,
                maxKey: hasKey ? maxKey : 0, minSequence: minSequence, maxSequence: maxSequence),
            replaces: replaces, change: file.value(for: "varve.change").flatMap { SSTID(text: $0[...]) },
            piece: file.value(for: "varve.piece").flatMap { Int($0) },
            pieces: file.value(for: "varve.pieces").flatMap { Int($0) })
    }
}

extension SSTID {
    /// `<claim>-<counter>`.
    init?(text: Substring) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let claim = UInt64(parts[0]), let counter = UInt64(parts[1]) else { return nil }
        self.init(claim: .init(claim), counter: counter)
    }
}
