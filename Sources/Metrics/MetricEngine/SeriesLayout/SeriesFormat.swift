import Columnar
import MetricModel
import Parquet
import StorageEngine

/// The columns of a series file.
enum SeriesFormat {
    static let version = 1
    static let otherName = "labels_other"

    /// The leaves before the labels, in order.
    enum Leaf: Int, CaseIterable {
        case metric, seriesID, segment, sequence

        var name: String {
            switch self {
            case .metric: "metric"
            case .seriesID: "series_id"
            case .segment: "segment"
            case .sequence: "seq"
            }
        }
    }

    /// Columns of the logical row.
    enum Row {
        static let segment = 0
        static let seriesID = 1
        static let metric = 2
        static let labels = 3
    }

    static func schema(labels: [String]) -> ParquetSchema {
        ParquetSchema(
            [
                ParquetColumn(Leaf.metric.name, .byteArray, .string),
                ParquetColumn(Leaf.seriesID.name, .int64),
                ParquetColumn(Leaf.segment.name, .int64, .timestampMillis),
                ParquetColumn(Leaf.sequence.name, .int64),
            ] + labels.map { ParquetColumn($0, .byteArray, .string, isOptional: true) } + [
                ParquetColumn(stringMap: otherName)
            ])
    }

    static func check(_ schema: Schema, name: String) throws(StorageError) {
        guard schema.columns.map(\.type) == [.timestamp, .int64, .text, .bytes], schema.keyCount == 2 else {
            throw StorageError(
                .foreign, "\(name): rows of (segment, series id, metric, labels) are expected, keyed by the first two")
        }
    }

    /// The label columns of an open file: leaf and key.
    static func labelLeaves(of file: ParquetFile) throws(StorageError) -> [(leaf: Int, name: [UInt8])] {
        let fixed = Leaf.allCases.count
        guard file.leaves.count >= fixed + 2 else { throw foreign(file) }
        let names = file.leaves[fixed..<file.leaves.count - 2].map { $0.path[0] }
        guard file.leaves == schema(labels: names).leaves else { throw foreign(file) }
        let labels = names.enumerated().map { (leaf: fixed + $0, name: Array($1.utf8)) }
        guard zip(labels, labels.dropFirst()).allSatisfy({ $0.name.lexicographicallyPrecedes($1.name) }) else {
            throw foreign(file)
        }
        return labels
    }

    private static func foreign(_ file: ParquetFile) -> StorageError {
        StorageError(.foreign, "\(file.name) is not a file of series in format \(version); it was not read")
    }
}

/// Which label keys get a column: the commonest that clash with no other column.
///
/// - Readers fold case in column names, so keys that differ only in case clash: the commoner gets the column.
struct SeriesLabelColumns: Equatable {
    /// In byte order.
    private(set) var names: [[UInt8]]

    /// - Parameter counts: of each key, in how many rows it stands.
    init(choosingFrom counts: [[UInt8]: Int], most: Int) {
        var taken = Set(SeriesFormat.Leaf.allCases.map(\.name) + [SeriesFormat.otherName])
        var chosen: [[UInt8]] = []
        let commonest = counts.sorted { a, b in
            a.value != b.value ? a.value > b.value : a.key.lexicographicallyPrecedes(b.key)
        }
        for (name, _) in commonest where chosen.count < most {
            // A name that is not UTF-8 can be no column's.
            guard let text = String(validating: name, as: UTF8.self) else { continue }
            if taken.insert(text.lowercased()).inserted { chosen.append(name) }
        }
        names = chosen.sorted { $0.lexicographicallyPrecedes($1) }
    }

    var texts: [String] { names.map { String(decoding: $0, as: UTF8.self) } }
}
