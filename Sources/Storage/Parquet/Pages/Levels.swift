import Encodings

/// Definition and repetition levels as data pages (version 2) hold them: runs without a length before them.
public enum Levels {
    /// Of an optional column: one flag per row; nil: all are there.
    public static func definition(_ validity: [Bool]?, rows: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        guard rows > 0 else { return bytes }
        guard let validity else {
            RunLengthHybrid.encode(runs: [.init(value: 1, count: rows)], width: 1, into: &bytes)
            return bytes
        }
        precondition(validity.count == rows)
        RunLengthHybrid.encode(validity.map { $0 ? 1 : 0 }, width: 1, into: &bytes)
        return bytes
    }

    struct MapLevels {
        var repetition: [UInt8] = []
        var definition: [UInt8] = []
        /// Entries, and rows without any.
        var values = 0
        var nulls = 0
    }

    /// Of the leaves of a map. A row without entries is a map that is absent.
    static func map(_ maps: StringMaps, _ rows: Range<Int>) -> MapLevels {
        var repetition: [UInt32] = []
        var definition: [UInt32] = []
        var levels = MapLevels()
        for row in rows {
            let entries = maps.offsets[row + 1] - maps.offsets[row]
            repetition.append(0)
            definition.append(entries == 0 ? 0 : 2)
            if entries == 0 { levels.nulls += 1 }
            for _ in 0..<max(entries - 1, 0) {
                repetition.append(1)
                definition.append(2)
            }
        }
        levels.values = repetition.count
        RunLengthHybrid.encode(repetition, width: 1, into: &levels.repetition)
        RunLengthHybrid.encode(definition, width: 2, into: &levels.definition)
        return levels
    }
}
