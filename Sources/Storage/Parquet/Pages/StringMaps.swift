public import Columnar
import Encodings

/// A column MAP<STRING, STRING>: row r holds the entries `offsets[r] ..< offsets[r + 1]`.
public struct StringMaps: Sendable, Hashable {
    /// One more than there are rows; starts at 0, never falls.
    public var offsets: [Int] = [0]
    public var keys = BytesColumn()
    public var values = BytesColumn()

    public init() {}

    public var rowCount: Int { offsets.count - 1 }

    public mutating func appendRow(_ entries: [(key: [UInt8], value: [UInt8])]) {
        for entry in entries {
            keys.append(entry.key)
            values.append(entry.value)
        }
        offsets.append(keys.count)
    }

    /// From the two leaves of the map. An absent map reads as an empty one.
    ///
    /// - Throws: `.damaged` where the leaves contradict each other, `.misuse` where they are no such map.
    public init(keys: ColumnPages, values: ColumnPages) throws(ParquetError) {
        for leaf in [keys.leaf, values.leaf] {
            guard leaf.maximumRepetition == 1, leaf.physical == .byteArray else {
                throw ParquetError(.misuse, file: keys.file, column: leaf.name, "it is no leaf of a map of text")
            }
        }
        let (keyOffsets, keyColumn) = try Self.rows(keys)
        let (valueOffsets, valueColumn) = try Self.rows(values)
        guard keyOffsets == valueOffsets, keyColumn.count == valueColumn.count else {
            throw ParquetError(
                .damaged, file: keys.file, column: keys.leaf.name, "its keys and values are not in pairs")
        }
        self.offsets = keyOffsets
        self.keys = keyColumn
        self.values = valueColumn
    }

    /// Entries of each row of one leaf. An entry without a value (optional leaves of other writers) is damage here.
    private static func rows(_ column: ColumnPages) throws(ParquetError) -> ([Int], BytesColumn) {
        let most = UInt32(column.leaf.maximumDefinition)
        var offsets: [Int] = []
        var entries = 0
        var expected = 0
        for page in column.pages {
            // Level by level over two lists of runs at once.
            let repetition = try page.repetitionRuns()
            var definition = try page.definitionRuns()[...]
            expected += page.rowCount
            for run in repetition {
                var left = run.count
                while left > 0, let next = definition.first {
                    let count = min(left, next.count)
                    let isEntry = next.value == most
                    if run.value == 0 {
                        for i in 0..<count { offsets.append(entries + (isEntry ? i : 0)) }
                    } else if !isEntry || offsets.isEmpty {
                        throw page.place.damaged("its levels are those of no map")
                    }
                    if isEntry { entries += count }
                    left -= count
                    if count == next.count {
                        definition = definition.dropFirst()
                    } else {
                        definition[definition.startIndex].count -= count
                    }
                }
            }
        }
        let strings = try column.byteStrings()
        guard offsets.count == expected, strings.count == entries else {
            throw ParquetError(
                .damaged, file: column.file, column: column.leaf.name,
                "its levels say \(offsets.count) rows and \(entries) entries; there are \(expected) and \(strings.count)"
            )
        }
        return (offsets + [entries], strings)
    }
}
