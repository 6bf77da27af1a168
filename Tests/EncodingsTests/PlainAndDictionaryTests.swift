import Columnar
import Encodings
import Platform
import Testing

private func bits(_ values: [Double]) -> [UInt64] { values.map(\.bitPattern) }

private let doubles: [Double] = [
    0, -0.0, 1.5, .nan, Double(bitPattern: 0x7ff0_0000_0000_0002), .infinity, -.infinity, .leastNonzeroMagnitude, 1e300,
]

@Suite struct PlainAndDictionaryTests {
    private let strings = BytesColumn([[], [1, 2, 3], [], [255], Array("instance".utf8), [1, 2, 3]])

    @Test func plainComesBack() throws {
        var bytes: [UInt8] = []
        PlainEncoding.encode([Int64.min, 0, 77, .max], into: &bytes)
        var int64s: [Int64] = []
        #expect(try bytes.withUnsafeBytes { try PlainEncoding.decode($0, count: 4, into: &int64s) } == 32)
        #expect(int64s == [.min, 0, 77, .max])

        bytes = []
        PlainEncoding.encode(doubles, into: &bytes)
        var found: [Double] = []
        try bytes.withUnsafeBytes { _ = try PlainEncoding.decode($0, count: doubles.count, into: &found) }
        #expect(bits(found) == bits(doubles))

        bytes = []
        PlainEncoding.encode([Int32.min, -1, .max], into: &bytes)
        var int32s: [Int32] = []
        try bytes.withUnsafeBytes { _ = try PlainEncoding.decode($0, count: 3, into: &int32s) }
        #expect(int32s == [.min, -1, .max])

        bytes = []
        PlainEncoding.encode(strings, into: &bytes)
        var column = BytesColumn([[42]])
        try bytes.withUnsafeBytes { _ = try PlainEncoding.decode($0, count: strings.count, into: &column) }
        #expect(column.count == 7 && column[0] == [42] && column[5] == strings[4])

        let flags = (0..<19).map { $0 % 3 == 0 }
        bytes = []
        PlainEncoding.encode(flags, into: &bytes)
        var foundFlags: [Bool] = []
        #expect(try bytes.withUnsafeBytes { try PlainEncoding.decode($0, count: 19, into: &foundFlags) } == 3)
        #expect(foundFlags == flags)
    }

    @Test func streamsComeBack() throws {
        var bytes: [UInt8] = []
        ByteStreamSplit.encode(doubles, into: &bytes)
        #expect(bytes[doubles.count * 7 + 2] == 0x3f)  // the high byte of 1.5
        var found: [Double] = []
        try bytes.withUnsafeBytes { _ = try ByteStreamSplit.decode($0, count: doubles.count, into: &found) }
        #expect(bits(found) == bits(doubles))
        bytes = []
        ByteStreamSplit.encode([Int64.min, 5], into: &bytes)
        var int64s: [Int64] = []
        try bytes.withUnsafeBytes { _ = try ByteStreamSplit.decode($0, count: 2, into: &int64s) }
        #expect(int64s == [.min, 5])
    }

    @Test func dictionariesAreInOrderOfFirstOccurrence() throws {
        let (texts, textCodes) = try #require(DictionaryEncoding.encode(strings))
        #expect(texts == BytesColumn([[], [1, 2, 3], [255], Array("instance".utf8)]))
        #expect(textCodes == [0, 1, 0, 2, 3, 1])
        var column = BytesColumn()
        try DictionaryEncoding.gather(texts, by: textCodes, limit: 1_000, into: &column)
        #expect(column == strings)
        #expect(throws: EncodingError.self) {
            try DictionaryEncoding.gather(texts, by: textCodes, limit: 14, into: &column)
        }

        let (numbers, numberCodes) = try #require(DictionaryEncoding.encode([5, 5, -1, 5, .min] as [Int64]))
        #expect(numbers == [5, -1, .min] && numberCodes == [0, 0, 1, 0, 2])
        #expect(DictionaryEncoding.encode([1, 2, 3] as [Int64], limit: 2) == nil)
        let (points, pointCodes) = try #require(DictionaryEncoding.encode([0, -0.0, .nan, .nan, 0]))
        #expect(bits(points) == bits([0, -0.0, .nan]) && pointCodes == [0, 1, 2, 2, 0])

        var values: [Int64] = []
        #expect(throws: EncodingError.self) { try DictionaryEncoding.gather(numbers, by: [3], into: &values) }
        #expect(throws: EncodingError.self) { try DictionaryEncoding.gather([], by: [0], into: &values) }
    }

    @Test func manyDistinctValuesKeepTheirCodes() throws {
        let values = (0..<5_000).map { Int64($0 * 7_919 % 3_001) }
        let (dictionary, codes) = try #require(DictionaryEncoding.encode(values))
        #expect(dictionary.count == 3_001)
        var found: [Int64] = []
        try DictionaryEncoding.gather(dictionary, by: codes, into: &found)
        #expect(found == values)
    }

    @Test func deltaByteArraysOfOthers() throws {
        // Parquet's Encodings.md: axis, axle, babble, babyhood.
        var bytes: [UInt8] = []
        DeltaBinaryPacked.encode([0, 2, 0, 3], form: .tight, into: &bytes)
        DeltaBinaryPacked.encode([4, 2, 6, 5], form: .tight, into: &bytes)
        bytes += Array("axislebabbleyhood".utf8)
        var column = BytesColumn()
        let consumed = try bytes.withUnsafeBytes { try DeltaByteArrays.decode($0, count: 4, limit: 22, into: &column) }
        #expect(consumed == bytes.count)
        #expect((0..<4).map { String(decoding: column[$0], as: UTF8.self) } == ["axis", "axle", "babble", "babyhood"])
        #expect(throws: EncodingError.self) {
            try bytes.withUnsafeBytes { try DeltaByteArrays.decode($0, count: 4, limit: 21, into: &column) }
        }
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 8)
        for _ in 0..<3_000 {
            var bytes = (0..<Int.random(in: 0..<60, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next())
            }
            let count = Int.random(in: 0..<40, using: &random)
            if Bool.random(using: &random) { bytes = [0x80, 1, 4, UInt8(count), 0] + bytes }
            var int64s: [Int64] = []
            var int32s: [Int32] = []
            var doubles: [Double] = []
            var flags: [Bool] = []
            var column = BytesColumn()
            bytes.withUnsafeBytes { raw in
                _ = try? PlainEncoding.decode(raw, count: count, into: &int64s)
                _ = try? PlainEncoding.decode(raw, count: count, into: &int32s)
                _ = try? PlainEncoding.decode(raw, count: count, into: &doubles)
                _ = try? PlainEncoding.decode(raw, count: count, into: &flags)
                _ = try? PlainEncoding.decode(raw, count: count, into: &column)
                _ = try? ByteStreamSplit.decode(raw, count: count, into: &doubles)
                _ = try? ByteStreamSplit.decode(raw, count: count, into: &int64s)
                _ = try? DeltaByteArrays.decodeLengths(raw, count: count, into: &column)
                _ = try? DeltaByteArrays.decode(raw, count: count, limit: 10_000, into: &column)
                _ = try? PlainEncoding.decode(raw, count: .max, into: &int64s)
                _ = try? PlainEncoding.decode(raw, count: -1, into: &flags)
                _ = try? ByteStreamSplit.decode(raw, count: .max, into: &doubles)
            }
        }
    }
}
