import Columnar
import MetricModel
import Parquet

/// Some rows of a series file as they lie in it: labels as codes of the file's dictionaries.
struct CodedSeriesRows: Sendable {
    struct Label: Sendable {
        static let absent = UInt32.max
        let name: [UInt8]
        let dictionary: BytesColumn
        /// One per row, below the dictionary's count; `absent`: the row has no such label.
        var codes: [UInt32]

        init(name: [UInt8], dictionary: BytesColumn, codes: [UInt32]) {
            (self.name, self.dictionary, self.codes) = (name, dictionary, codes)
        }

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

    let ids: [Int64]
    let metrics: BytesColumn
    /// In byte order of their names.
    let labels: [Label]
    /// Labels that have no column.
    let others: StringMaps
    /// Whether the dictionaries are others than those of the rows before.
    let startsDictionaries: Bool

    var hasOtherLabels: Bool { others.keys.count > 0 }

    /// Canonical labels of a row. Both lists of labels are in order: they are merged.
    func appendLabels(of row: Int, to bytes: inout [UInt8]) {
        var other = others.offsets[row]
        let end = others.offsets[row + 1]
        for label in labels where label.codes[row] != Label.absent {
            while other < end, others.keys[other].lexicographicallyPrecedes(label.name) {
                LabelEncoding.append(name: others.keys[other], value: others.values[other], to: &bytes)
                other += 1
            }
            LabelEncoding.append(
                name: label.name[...], value: label.dictionary[Int(label.codes[row])], to: &bytes)
        }
        while other < end {
            LabelEncoding.append(name: others.keys[other], value: others.values[other], to: &bytes)
            other += 1
        }
    }
}
