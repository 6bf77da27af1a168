import Columnar
import Platform
import Testing

@testable import StorageEngine

/// Integers in 32 bits: what is covered comes back, what is not is refused, and mem parts hold both.
@Suite struct IntegerPackingTests {
    private static func bits(_ values: [Int64], base: Int64 = 0) -> UInt64 {
        values.withUnsafeBufferPointer { IntegerPacking.bits(of: $0, base: base) }
    }

    @Test(
        arguments: [
            ([0], true), ([0, 0xffff_ffff], true), ([1 << 32], true), ([1 << 32 | 1], true), ([0x1_ffff_ffff], false),
            ([5 << 39 | 7, 1_000 << 39 | 1_000_000], true), ([0xffff << 39 | 0xffff], true),
            ([0xffff << 39 | 0x1ffff], false), ([-1], false), ([Int64.min], true), ([Int64.max], false),
            ([1, Int64.min], true), ([1 << 20, 1 << 41, 1 << 62], false),
        ] as [([Int64], Bool)])
    func valuesOfTwoShortFieldsAreCovered(values: [Int64], expected: Bool) throws {
        let bits = Self.bits(values)
        let packing = IntegerPacking(base: 0, covering: bits)
        #expect((packing != nil) == expected)
        guard let packing else { return }
        #expect(packing.covers(bits))
        for value in values { #expect(packing.unpack(packing.pack(value)) == value) }
    }

    /// Any two fields, seen in part: whatever bits it says that it covers come back.
    @Test(arguments: UInt64(0)..<200) func whatIsCoveredComesBack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let base = Bool.random(using: &random) ? 0 : Int64.random(in: .min...(.max), using: &random)
        func one() -> Int64 {
            let low = Int64.random(in: 0..<(1 << Int64.random(in: 0...34, using: &random)), using: &random)
            let high = Int64.random(in: 0..<(1 << Int64.random(in: 0...14, using: &random)), using: &random)
            return base &+ (high << Int64.random(in: 30...44, using: &random) | low)
        }
        let seen = (0..<Int.random(in: 1...5, using: &random)).map { _ in one() }
        guard let packing = IntegerPacking(base: base, covering: Self.bits(seen, base: base)) else { return }
        for value in seen + (0..<200).map({ _ in one() })
        where packing.covers(Self.bits([value], base: base)) {
            #expect(packing.unpack(packing.pack(value)) == value, "\(packing) \(value)")
        }
        for value in seen { #expect(packing.covers(Self.bits([value], base: base)), "\(packing) \(value)") }
    }

    /// Identifiers of metrics and series that come one after the other: 16 bytes a row, after few changes of form.
    @Test func identifiersAndTimesOfASegmentArePacked() {
        let day: Int64 = 86_400_000
        let part = MemPart(
            place: TableSegment(table: 1, segment: 20_000 * day..<20_001 * day), schema: TestTables.samples.schema,
            reservation: MemoryBudget(limit: .mebibytes(1)).nothing())
        var expected: [Int64] = []
        for metric in Int64(0)..<300 {
            let rows = (Int64(0)..<100).map {
                (id: metric << 39 | metric * 100 + $0, time: 20_000 * day + $0 * 864_000, value: 1.0)
            }
            expected += rows.map(\.id)
            part.append(TestTables.sampleRows(rows).batch, 0..<rows.count, sequence: .init(UInt64(metric + 1)))
        }
        var found: [Int64] = []
        var times: Set<Int64> = []
        for piece in part.view(part.length).pieces {
            let ids = piece.chunk.int64s(0, rows: piece.rows)
            if case .plain = ids.form { Issue.record("not packed") }
            ids.withWhole { found += $0 }
            piece.chunk.int64s(1, rows: piece.rows).withWhole { times.formUnion($0) }
        }
        #expect(found == expected)
        #expect(times == Set((Int64(0)..<100).map { 20_000 * day + $0 * 864_000 }))
        #expect(part.chunks.count < 24)
    }

    /// Values that no packing covers stay whole from then on, whatever came before.
    @Test(arguments: UInt64(0)..<20) func anyIntegersComeBackInOrder(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let part = MemPart(
            place: TableSegment(table: 1, segment: 0..<1_000), schema: TestTables.samples.schema,
            reservation: MemoryBudget(limit: .mebibytes(1)).nothing())
        var expected: [Int64] = []
        for i in 0..<60 {
            let shift = Int64.random(in: 0...62, using: &random)
            let rows = (0..<Int.random(in: 1...80, using: &random)).map { _ in
                let id = Int64.random(in: 0...3, using: &random) << shift
                return (
                    id: Bool.random(using: &random) ? id : 0 &- id, time: Int64.random(in: 0..<1_000, using: &random),
                    value: 0.5
                )
            }
            expected += rows.map(\.id)
            part.append(TestTables.sampleRows(rows).batch, 0..<rows.count, sequence: .init(UInt64(i + 1)))
        }
        let view = part.view(part.length)
        var found: [Int64] = []
        for piece in view.pieces { piece.chunk.int64s(0, rows: piece.rows).withWhole { found += $0 } }
        #expect(found == expected)
        #expect(FlushInput(views: [view]).distinctKeys(0) == Set(expected).sorted())
        for cursor in view.cursors(FileScan()) {
            var last: (Int64, Int64)?
            while let batch = try await cursor.next() {
                for key in zip(batch.columns[0].int64s, batch.columns[1].int64s) {
                    if let last { #expect(last <= key) }
                    last = key
                }
            }
        }
    }
}
