import Columnar
import Compression
import Encodings
import Parquet
import Platform

/// Rows of every kind of column that is written, and the file that holds them.
struct SampleRows: Equatable {
    var ids: [Int64] = []
    var texts = BytesColumn()
    var textValidity: [Bool]?
    var doubles: [Double] = []
    var doubleValidity: [Bool]?
    var integers: [Int64] = []
    var flags: [Bool] = []
    var flagValidity: [Bool]?
    var maps = StringMaps()

    static let schema = ParquetSchema([
        ParquetColumn("time", .int64, .timestampMillis),
        ParquetColumn("text", .byteArray, .string, isOptional: true),
        ParquetColumn("double", .double, isOptional: true),
        ParquetColumn("integer", .int64),
        ParquetColumn("flag", .boolean, isOptional: true),
        ParquetColumn("constant", .byteArray, .string),
        ParquetColumn(stringMap: "labels"),
    ])

    var count: Int { ids.count }

    init() {}

    init(count: Int, random: inout SeededGenerator) {
        var id: Int64 = 0
        let alphabet = (0..<Int.random(in: 1...40, using: &random)).map { "value \($0) é" }
        let longest = String(repeating: "long ", count: 40)
        var texts = BytesColumn()
        var validity: [[Bool]] = [[], [], []]
        for _ in 0..<count {
            id += Int64.random(in: 0...3, using: &random)
            ids.append(id)
            for i in 0..<3 { validity[i].append(Int.random(in: 0..<4, using: &random) > 0) }
            let text =
                Int.random(in: 0..<20, using: &random) == 0 ? longest : alphabet.randomElement(using: &random) ?? ""
            texts.append(validity[0][validity[0].count - 1] ? Array(text.utf8) : [])
            let double: Double =
                switch Int.random(in: 0..<10, using: &random) {
                case 0: -0.0
                case 1: .nan
                case 2: .infinity
                default: Double(Int.random(in: -1000...1000, using: &random)) / 8
                }
            doubles.append(validity[1][validity[1].count - 1] ? double : 0)
            integers.append(Int64(bitPattern: UInt64.random(in: 0 ... .max, using: &random)))
            flags.append(validity[2][validity[2].count - 1] && Bool.random(using: &random))
            var entries: [(key: [UInt8], value: [UInt8])] = []
            for e in 0..<Int.random(in: 0...3, using: &random) {
                entries.append((Array("k\(e)".utf8), Array((alphabet.randomElement(using: &random) ?? "").utf8)))
            }
            maps.appendRow(entries)
        }
        self.texts = texts
        func some(_ flags: [Bool]) -> [Bool]? { flags.contains(false) ? flags : nil }
        textValidity = some(validity[0])
        doubleValidity = some(validity[1])
        flagValidity = some(validity[2])
    }

    /// The chunks of these rows.
    func chunks(pageRows: Int, _ compression: PageCompression) -> [EncodedChunk] {
        [
            .deltas(ids, validity: nil, isOptional: false, pageRows: pageRows, compression: compression),
            .dictionary(texts, validity: textValidity, isOptional: true, pageRows: pageRows, compression: compression),
            .doubles(
                doubles, validity: doubleValidity, isOptional: true, pageRows: pageRows, compression: compression),
            .deltas(integers, validity: nil, isOptional: false, pageRows: pageRows * 2, compression: compression),
            .booleans(flags, validity: flagValidity, isOptional: true, pageRows: pageRows, compression: compression),
            .constant(Array("same".utf8), rows: count, compression: compression),
        ] + EncodedChunk.stringMap(maps, pageRows: pageRows, compression: compression)
    }

    static func file(_ groups: [SampleRows], pageRows: Int, _ compression: PageCompression) throws -> [UInt8] {
        var writer = ParquetFileWriter(
            schema: schema, createdBy: "varve version 1.2.3 (build abc)", sortingColumns: [0])
        for group in groups {
            writer.beginRowGroup()
            for (column, chunk) in group.chunks(pageRows: pageRows, compression).enumerated() {
                try writer.write(chunk, column: column)
            }
            try writer.endRowGroup(rows: group.count)
        }
        return try writer.finish(keyValueMetadata: [("varve.table", "sample")])
    }

    /// Everything of one row group, read with the pages given (nil: all).
    static func read(_ file: ParquetFile, rowGroup: Int) async throws -> SampleRows {
        let columns = try await file.read(
            file.leaves.indices.map { PageRequest(rowGroup: rowGroup, column: $0) })
        var rows = SampleRows()
        rows.ids = try columns[0].column(.timestamp).int64s
        let text = try columns[1].column(.text)
        (rows.texts, rows.textValidity) = (text.byteStrings, text.validity)
        let double = try columns[2].column(.float64)
        (rows.doubles, rows.doubleValidity) = (double.float64s, double.validity)
        rows.integers = try columns[3].column(.int64).int64s
        let flag = try columns[4].column(.bool)
        if case .bool(let flags) = flag.values { rows.flags = flags }
        rows.flagValidity = flag.validity
        let constant = try columns[5].byteStrings()
        for i in 0..<constant.count where Array(constant[i]) != Array("same".utf8) { throw Different() }
        rows.maps = try StringMaps(keys: columns[6], values: columns[7])
        return rows
    }

    struct Different: Error {}

    /// Doubles by their bits.
    static func == (a: SampleRows, b: SampleRows) -> Bool {
        a.ids == b.ids && a.texts == b.texts && a.textValidity == b.textValidity
            && a.doubles.map(\.bitPattern) == b.doubles.map(\.bitPattern) && a.doubleValidity == b.doubleValidity
            && a.integers == b.integers && a.flags == b.flags && a.flagValidity == b.flagValidity && a.maps == b.maps
    }
}
