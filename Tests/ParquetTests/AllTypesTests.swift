import Columnar
import Compression
import Parquet
import Platform
import Testing

/// Every type in every encoding that it can have, in pages of both versions: what is written is read, and damage is seen.
@Suite struct AllTypesTests {
    struct Sample {
        var column: ParquetColumn
        var encodings: [PageEncoding]
        /// Of the rows that are there.
        var values: ParquetValues
    }

    static let validity = (0..<20).map { $0 % 3 != 1 }
    static let lists = ParquetLists(
        offsets: [0, 2, 2, 2, 5, 6], validity: [true, true, false, true, true],
        elementValidity: [true, false, true, true, false, true])

    /// Thirteen values each.
    static let samples: [Sample] = {
        let numbers = (0..<13).map { Int64($0 * $0) * 1_000_003 - 7_000_000 }
        let texts = BytesColumn(numbers.map { Array("text \($0)".utf8) })
        let fixed = BytesColumn(numbers.map { n in (0..<5).map { UInt8(truncatingIfNeeded: n >> ($0 * 8)) } })
        func optional(_ type: PhysicalType, _ logical: LogicalType = .none) -> ParquetColumn {
            ParquetColumn("c", type, logical, isOptional: true)
        }
        return [
            Sample(
                column: optional(.boolean), encodings: [.plain, .rle],
                values: .boolean(numbers.map { $0 & 1 == 0 })),
            Sample(
                column: optional(.int32, .date),
                encodings: [.plain, .rleDictionary, .deltaBinaryPacked, .byteStreamSplit],
                values: .int32(numbers.map { Int32(truncatingIfNeeded: $0 &* 977) })),
            Sample(
                column: optional(.int64, .timestampMicros),
                encodings: [.plain, .rleDictionary, .deltaBinaryPacked, .byteStreamSplit], values: .int64(numbers)),
            Sample(
                column: optional(.float), encodings: [.plain, .rleDictionary, .byteStreamSplit],
                values: .float(numbers.map { Float($0) / 8 })),
            Sample(
                column: optional(.double), encodings: [.plain, .rleDictionary, .byteStreamSplit],
                values: .double(numbers.map { $0 == -7_000_000 ? .nan : Double($0) / 10 })),
            Sample(
                column: optional(.byteArray, .string),
                encodings: [.plain, .rleDictionary, .deltaLengthByteArray, .deltaByteArray], values: .bytes(texts)),
            Sample(
                column: ParquetColumn("c", fixedLength: 5, isOptional: true),
                encodings: [.plain, .rleDictionary, .deltaByteArray, .byteStreamSplit], values: .bytes(fixed)),
        ]
    }()

    static let styles: [(PageVersion, Codec)] = [
        (.v1, .none), (.v1, .snappy), (.v1, .lz4raw), (.v2, .none), (.v2, .zstd), (.v2, .gzip), (.v2, .lz4raw),
    ]

    private static func file(
        _ sample: Sample, _ encoding: PageEncoding, _ style: (version: PageVersion, codec: Codec)
    ) throws -> [UInt8] {
        let schema = ParquetSchema([sample.column])
        var writer = ParquetFileWriter(
            schema: schema, createdBy: "varve version 1.0.0 (build test)", sortingColumns: [])
        writer.beginRowGroup()
        try writer.write(
            try EncodedChunk(
                sample.values, of: schema.leaves[0], as: encoding, validity: validity, pageRows: 8,
                compression: PageCompression(style.codec), version: style.version), column: 0)
        try writer.endRowGroup(rows: 20)
        return try writer.finish(keyValueMetadata: [])
    }

    private func content(_ bytes: [UInt8]) async throws -> (values: ParquetValues, validity: [Bool]?) {
        let file = try await ParquetFile.open(name: "a", source: MemoryByteSource(bytes))
        _ = try await file.columnIndex(rowGroup: 0, column: 0)
        let pages = try await file.read(PageRequest(rowGroup: 0, column: 0))
        return (try pages.values(), try pages.validity())
    }

    private func isSame(_ a: ParquetValues, _ b: ParquetValues) -> Bool {
        if case (.double(let a), .double(let b)) = (a, b) { return a.map(\.bitPattern) == b.map(\.bitPattern) }
        return a == b
    }

    @Test(arguments: 0..<7)
    func everyEncodingComesBack(type: Int) async throws {
        let sample = Self.samples[type]
        for encoding in sample.encodings {
            for style in Self.styles {
                let bytes = try Self.file(sample, encoding, style)
                let found = try await content(bytes)
                #expect(isSame(found.values, sample.values) && found.validity == Self.validity, "\(encoding) \(style)")
                let verification = try await ParquetVerify.verify(name: "a", source: MemoryByteSource(bytes))
                #expect(verification.problems == [], "\(encoding) \(style)")
            }
        }
    }

    /// Of the file's bytes none can change, and no end be missing, without an error or the same values.
    @Test(arguments: 0..<7)
    func everyFlippedByteAndEveryCutIsSeen(type: Int) async throws {
        let sample = Self.samples[type]
        for (i, encoding) in sample.encodings.enumerated() {
            let bytes = try Self.file(sample, encoding, Self.styles[(type + i) % Self.styles.count])
            for at in bytes.indices {
                var damaged = bytes
                damaged[at] ^= [0xff, 0x01, 0x40][at % 3]
                guard let found = try? await content(damaged) else { continue }
                #expect(
                    isSame(found.values, sample.values) && found.validity == Self.validity, "\(encoding), byte \(at)")
            }
            for length in stride(from: type % 3, to: bytes.count, by: 3) {
                await #expect(throws: ParquetError.self) { try await content(Array(bytes[..<length])) }
            }
        }
    }

    @Test(arguments: [PageVersion.v1, .v2])
    func listsComeBack(version: PageVersion) async throws {
        let schema = ParquetSchema([ParquetColumn(list: "l", of: .int64)])
        for pageRows in 1...6 {
            var writer = ParquetFileWriter(schema: schema, createdBy: "x", sortingColumns: [])
            writer.beginRowGroup()
            try writer.write(
                try EncodedChunk(
                    Self.lists, .int64([1, 2, 3, 4]), of: schema.leaves[0], as: .deltaBinaryPacked, pageRows: pageRows,
                    compression: .zstd(1), version: version), column: 0)
            try writer.endRowGroup(rows: 5)
            let bytes = try writer.finish(keyValueMetadata: [])
            let file = try await ParquetFile.open(name: "a", source: MemoryByteSource(bytes))
            let pages = try await file.read(PageRequest(rowGroup: 0, column: 0))
            #expect(try pages.lists() == Self.lists)
            #expect(try pages.int64s() == [1, 2, 3, 4])
            #expect(try await ParquetVerify.verify(name: "a", source: MemoryByteSource(bytes)).problems == [])
        }
    }

    @Test func anEncodingThatDoesNotSuitTheTypeIsRefused() {
        for sample in Self.samples {
            let leaf = ParquetSchema([sample.column]).leaves[0]
            for encoding in PageEncoding.allCases where !sample.encodings.contains(encoding) {
                #expect(throws: ParquetError.self, "\(leaf.physical) \(encoding)") {
                    try EncodedChunk(
                        sample.values, of: leaf, as: encoding, validity: Self.validity, pageRows: 8, compression: .none)
                }
            }
        }
    }

    /// Bytes of all these files together: a change is a change of what we write.
    @Test func theBytesAreThoseOfVersion1() throws {
        var crc: UInt32 = 0
        for sample in Self.samples {
            for encoding in sample.encodings {
                for version in [PageVersion.v1, .v2] {
                    let bytes = try Self.file(sample, encoding, (version, .none))
                    crc = bytes.withUnsafeBytes { CRC32C.checksum($0, continuing: crc) }
                }
            }
        }
        #expect(crc == 0x3c7c_d847, "0x\(String(crc, radix: 16))")
    }
}
