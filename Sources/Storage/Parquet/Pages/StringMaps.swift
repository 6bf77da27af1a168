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
    /// - Throws: `.damaged` where the leaves contradict each other, `.misuse` where they are no such map, `.unsupported`
    ///   where a value is null: see `ColumnPages.lists` for these.
    public init(keys: ColumnPages, values: ColumnPages) throws(ParquetError) {
        for leaf in [keys.leaf, values.leaf] {
            guard leaf.maximumRepetition == 1, leaf.physical == .byteArray else {
                throw ParquetError(.misuse, file: keys.file, column: leaf.name, "it is no leaf of a map of text")
            }
        }
        let (keyLists, valueLists) = (try keys.lists(), try values.lists())
        guard keyLists.offsets == valueLists.offsets, keyLists.validity == valueLists.validity,
            keyLists.elementValidity == nil
        else {
            throw ParquetError(
                .damaged, file: keys.file, column: keys.leaf.name, "its keys and values are not in pairs")
        }
        guard valueLists.elementValidity == nil else { throw values.unsupported("an entry without a value") }
        self.offsets = keyLists.offsets
        self.keys = try keys.byteStrings()
        self.values = try values.byteStrings()
    }
}
