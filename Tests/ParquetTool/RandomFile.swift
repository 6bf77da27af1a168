import Columnar
import Compression
import Parquet
import Platform

/// A file of random columns, types, encodings, codecs, page sizes and versions; and what it holds, from the values.
struct RandomFile {
    /// DuckDB 2.0 and polars 2.1 do not read these.
    static let unusual = "FIXED_LEN_BYTE_ARRAY in BYTE_STREAM_SPLIT"

    var bytes: [UInt8]
    var text: String

    static func make(random: inout SeededGenerator) throws -> RandomFile {
        let columns = (0..<Int.random(in: 1...8, using: &random)).map { column("c\($0)", &random) }
        let schema = ParquetSchema(columns)
        var writer = ParquetFileWriter(
            schema: schema, createdBy: "varve version 0.0.1 (build test)", sortingColumns: [])
        let codecs: [Codec] = [.none, .snappy, .zstd, .lz4raw, .gzip]
        var rows = schema.leaves.map { _ in [String]() }
        var total = 0
        var isUnusual = false
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let count = Int.random(in: 0..<8, using: &random) == 0 ? 0 : Int.random(in: 1...400, using: &random)
            total += count
            writer.beginRowGroup()
            var leaf = 0
            for column in columns {
                let style = Style(
                    pageRows: Int.random(in: 1...500, using: &random),
                    compression: PageCompression(codecs.randomElement(using: &random) ?? .none),
                    version: Bool.random(using: &random) ? .v1 : .v2)
                for chunk in try chunks(column, Array(schema.leaves[leaf...]), count, style, &random) {
                    try writer.write(chunk.chunk, column: leaf)
                    isUnusual =
                        isUnusual
                        || (schema.leaves[leaf].fixedLength > 0
                            && chunk.chunk.pages.contains { $0.encoding == .byteStreamSplit })
                    rows[leaf] += chunk.rows
                    leaf += 1
                }
            }
            try writer.endRowGroup(rows: count)
        }
        var text = "rows \(total)\n"
        if isUnusual { text += "note \(unusual)\n" }
        for (leaf, rows) in zip(schema.leaves, rows) {
            text += (["leaf \(leaf.name)"] + rows).joined(separator: " ") + "\n"
        }
        return RandomFile(bytes: try writer.finish(keyValueMetadata: [("made", "at random")]), text: text)
    }

    private struct Style {
        var pageRows: Int
        var compression: PageCompression
        var version: PageVersion
    }

    private static func column(_ name: String, _ random: inout SeededGenerator) -> ParquetColumn {
        let flat: [(PhysicalType, LogicalType, Int)] = [
            (.boolean, .none, 0), (.int32, .none, 0), (.int32, .date, 0), (.int32, .unsigned(bits: 32), 0),
            (.int32, .signed(bits: 16), 0), (.int32, .decimal(precision: 9, scale: 2), 0), (.int64, .none, 0),
            (.int64, .unsigned(bits: 64), 0), (.int64, .timestampMillis, 0), (.int64, .timestampMicros, 0),
            (.int64, .timestampNanos, 0), (.int64, .decimal(precision: 18, scale: 4), 0), (.float, .none, 0),
            (.double, .none, 0), (.byteArray, .none, 0), (.byteArray, .string, 0), (.fixedLengthByteArray, .none, 5),
            (.fixedLengthByteArray, .decimal(precision: 20, scale: 3), 9),
        ]
        let (physical, logical, length) = flat.randomElement(using: &random) ?? (.int64, .none, 0)
        let isOptional = Bool.random(using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return ParquetColumn(stringMap: name)
        case 1, 2: return ParquetColumn(list: name, of: physical, logical, fixedLength: length, isOptional: isOptional)
        default:
            return length > 0
                ? ParquetColumn(name, fixedLength: length, logical, isOptional: isOptional)
                : ParquetColumn(name, physical, logical, isOptional: isOptional)
        }
    }

    private static func chunks(
        _ column: ParquetColumn, _ leaves: [ParquetLeaf], _ count: Int, _ style: Style, _ random: inout SeededGenerator
    ) throws -> [(chunk: EncodedChunk, rows: [String])] {
        let leaf = leaves[0]
        let encoding = encodings(of: leaf).randomElement(using: &random) ?? .plain
        switch column.kind {
        case .flat:
            let validity = column.isOptional ? flags(count, &random) : nil
            let values = values(leaf, validity.map { $0.count { $0 } } ?? count, &random)
            let chunk = try EncodedChunk(
                values, of: leaf, as: encoding, validity: validity, pageRows: style.pageRows,
                compression: style.compression, version: style.version)
            return [(chunk, FileText.spread(try FileText.tokens(values, leaf), validity))]
        case .list:
            let lists = lists(count, mayBeNull: column.isOptional, &random)
            let present = lists.elementValidity.map { $0.count { $0 } } ?? lists.elementCount
            let values = values(leaf, present, &random)
            let chunk = try EncodedChunk(
                lists, values, of: leaf, as: encoding, pageRows: style.pageRows, compression: style.compression,
                version: style.version)
            let tokens = FileText.spread(try FileText.tokens(values, leaf), lists.elementValidity)
            return [(chunk, FileText.lists(lists, tokens))]
        case .stringMap:
            // Absent where empty, as ours are written.
            var lists = lists(count, mayBeNull: false, &random)
            lists.elementValidity = nil
            lists.validity = (0..<count).map { lists.offsets[$0] < lists.offsets[$0 + 1] }
            var maps = StringMaps()
            maps.offsets = lists.offsets
            // No key stands twice in a row, which has six at most: polars would keep one of them.
            let keys = BytesColumn((0..<lists.elementCount).map { Array("key \($0 % 7)".utf8) })
            let parts = [.bytes(keys), values(leaves[1], lists.elementCount, &random)]
            guard case .bytes(let contents) = parts[1] else { return [] }
            (maps.keys, maps.values) = (keys, contents)
            let chunks = EncodedChunk.stringMap(maps, pageRows: style.pageRows, compression: style.compression)
            return try zip(chunks, zip(leaves, parts)).map { chunk, part in
                (chunk, FileText.lists(lists, try FileText.tokens(part.1, part.0)))
            }
        }
    }

    private static func encodings(of leaf: ParquetLeaf) -> [PageEncoding] {
        switch leaf.physical {
        case .boolean: [.plain, .rle]
        case .int32, .int64: [.plain, .rleDictionary, .deltaBinaryPacked, .byteStreamSplit]
        case .float, .double: [.plain, .rleDictionary, .byteStreamSplit]
        case .byteArray: [.plain, .rleDictionary, .deltaLengthByteArray, .deltaByteArray]
        case .fixedLengthByteArray: [.plain, .rleDictionary, .deltaByteArray, .byteStreamSplit]
        case .int96: []
        }
    }

    private static func flags(_ count: Int, _ random: inout SeededGenerator) -> [Bool]? {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return nil
        case 1: return Array(repeating: false, count: count)
        default:
            let often = Int.random(in: 1...20, using: &random)
            return (0..<count).map { _ in Int.random(in: 0...often, using: &random) > 0 }
        }
    }

    private static func lists(_ count: Int, mayBeNull: Bool, _ random: inout SeededGenerator) -> ParquetLists {
        var lists = ParquetLists()
        let longest = Int.random(in: 1...6, using: &random)
        var validity: [Bool] = []
        for _ in 0..<count {
            let isNull = mayBeNull && Int.random(in: 0..<5, using: &random) == 0
            validity.append(!isNull)
            lists.offsets.append(lists.elementCount + (isNull ? 0 : Int.random(in: 0...longest, using: &random)))
        }
        if validity.contains(false) { lists.validity = validity }
        if let flags = flags(lists.elementCount, &random), flags.contains(false) { lists.elementValidity = flags }
        return lists
    }

    /// Few distinct values, a walk, or anything.
    private static func values(_ leaf: ParquetLeaf, _ count: Int, _ random: inout SeededGenerator) -> ParquetValues {
        let style = Int.random(in: 0..<3, using: &random)
        var last = Int64.random(in: -1_000_000...1_000_000, using: &random)
        let numbers = (0..<count).map { _ -> Int64 in
            switch style {
            case 0: return Int64.random(in: -3...3, using: &random)
            case 1:
                last &+= Int64.random(in: 0...100, using: &random)
                return last
            default: return Int64.random(in: .min ... .max, using: &random)
            }
        }
        switch leaf.physical {
        case .boolean: return .boolean(numbers.map { $0 & 1 == 0 })
        case .int32:
            return .int32(
                numbers.map { number in
                    switch leaf.logical {
                    case .signed(let bits): return Int32(truncatingIfNeeded: (number << (64 - bits)) >> (64 - bits))
                    case .decimal: return Int32(number % 1_000_000_000)
                    case .date: return Int32(number % 100_000)
                    default: return Int32(truncatingIfNeeded: number)
                    }
                })
        case .int64:
            return .int64(
                numbers.map { number in
                    switch leaf.logical {
                    // Years 1900 to 2100: what every reader's time knows.
                    case .timestampMillis: return number % 4_000_000_000_000
                    case .timestampMicros: return number % 4_000_000_000_000_000
                    case .timestampNanos: return number % 4_000_000_000_000_000_000
                    case .decimal: return number % 1_000_000_000_000_000_000
                    default: return number
                    }
                })
        case .float:
            return .float(
                numbers.map { style == 2 ? Float(bitPattern: UInt32(truncatingIfNeeded: $0)) : Float($0) / 8 })
        case .double:
            return .double(numbers.map { style == 2 ? Double(bitPattern: UInt64(bitPattern: $0)) : Double($0) / 100 })
        case .byteArray, .fixedLengthByteArray, .int96:
            return .bytes(BytesColumn(numbers.map { Self.bytes($0, leaf, &random) }))
        }
    }

    private static func bytes(_ number: Int64, _ leaf: ParquetLeaf, _ random: inout SeededGenerator) -> [UInt8] {
        if leaf.physical == .fixedLengthByteArray {
            let padding: UInt8 = number < 0 ? 0xff : 0
            let digits = withUnsafeBytes(of: number.bigEndian) { Array($0) }
            return Array((Array(repeating: padding, count: leaf.fixedLength) + digits).suffix(leaf.fixedLength))
        }
        if leaf.logical == .string { return Array("value \(number) é".utf8.prefix(number % 7 == 0 ? 0 : 100)) }
        return withUnsafeBytes(of: number) { Array($0.prefix(Int.random(in: 0...8, using: &random))) }
    }
}
