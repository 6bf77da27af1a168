import Columnar
import Platform
import Testing

@testable import WAL

/// Bytes of version 1 as they were first written: a change here is a change of format.
@Suite struct FormatTests {
    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func theSegmentHeaderIsVersion1ByteForByte() {
        let header = LogSegmentHeader(number: LogSegmentNumber(7), region: "metrics-0")
        let bytes = header.encoded()
        #expect(bytes.count == 4_096)
        #expect(
            hex(bytes.prefix(40))
                == "56415256454c4f47" + "959285b8" + "01000000" + "07000000" + "09000000" + "6d6574726963732d30"
                + "00000000000000")
        #expect(bytes[33...].allSatisfy { $0 == 0 })
        #expect(LogSegmentHeader.read(bytes) == .valid(header))
    }

    @Test func theBatchIsVersion1ByteForByte() throws {
        var bytes = Bytes(repeating: 0, count: BatchHeader.size)
        let first = LogRecord(
            sequence: SequenceNumber(42),
            entries: [LogEntry(table: 1, payload: [0xaa, 0xbb, 0xcc]), LogEntry(table: 0x0203, payload: [])])
        let second = LogRecord(sequence: SequenceNumber(44), entries: [])
        for record in [first, second] {
            RecordEncoding.append(record, size: try #require(RecordEncoding.size(of: record)), to: &bytes)
        }
        let header = BatchHeader(
            length: UInt32(bytes.count - BatchHeader.size), logSegment: LogSegmentNumber(7),
            firstSequence: SequenceNumber(42), synced: LogPosition(LogSegmentNumber(6), 4_096), count: 2)
        bytes.padToEight()
        header.patch(into: &bytes)
        let expected = [
            "ee76b51a", "9aff02a8", "33000000", "07000000", "2a00000000000000", "060000000010000000000000", "02000000",
            "1f000000", "02000000", "2a00000000000000",  // record 42: 31 bytes follow, 2 entries
            "0100", "0000", "03000000", "aabbcc", "0302", "0000", "00000000",
            "0c000000", "00000000", "2c00000000000000",  // record 44: 12 bytes follow, none
            "0000000000",
        ]
        #expect(hex(bytes) == expected.joined())
        let position = LogPosition(LogSegmentNumber(7), 8_000)
        let read = try BatchHeader.read(bytes, at: 0, position: position, limit: UInt64(bytes.count))
        #expect(read.header == header)
    }

    @Test func everyFieldOfABatchHeaderIsChecked() throws {
        let position = LogPosition(LogSegmentNumber(7), 8_000)
        let good = BatchHeader(
            length: 16, logSegment: LogSegmentNumber(7), firstSequence: SequenceNumber(1),
            synced: LogPosition(LogSegmentNumber(7), 8_000), count: 1)
        func isRefused(limit: UInt64 = 56, _ change: (inout BatchHeader) -> Void) -> Bool {
            var header = good
            change(&header)
            var bytes = Bytes(repeating: 0, count: Int(min(header.batchSize, 1 << 20)))
            if UInt64(bytes.count) == header.batchSize {
                header.patch(into: &bytes)
            } else {
                bytes.patch(littleEndian: BatchHeader.magic, at: 0)
                bytes.patch(littleEndian: UInt32(7), at: 12)
                bytes.patch(littleEndian: header.length, at: 8)
            }
            do {
                _ = try BatchHeader.read(bytes, at: 0, position: position, limit: limit)
                return false
            } catch {
                return true
            }
        }
        #expect(!isRefused { _ in })
        #expect(isRefused(limit: 48) { _ in })
        #expect(isRefused { $0.logSegment = LogSegmentNumber(8) })
        #expect(isRefused { $0.length = .max })
        #expect(isRefused { $0.synced.offset = 8_001 })
        #expect(isRefused { $0.synced = LogPosition(LogSegmentNumber(8), 0) })
        #expect(isRefused { $0.count = 2 })
        #expect(isRefused { $0.count = 0 })
        #expect(isRefused { $0.length = 0 })
    }

    @Test func recordsThatLieAreRefusedNotTrapped() throws {
        var random = SeededGenerator(seed: 11)
        let records = [record(1, bytes: 9), record(2, bytes: 0), randomRecord(3, &random, upTo: 20)]
        var good: Bytes = []
        for record in records {
            RecordEncoding.append(record, size: try #require(RecordEncoding.size(of: record)), to: &good)
        }
        for place in good.indices {
            for value in [UInt8(0), 1, 0x7f, 0xff] {
                var bytes = Bytes(repeating: 0, count: BatchHeader.size) + good
                bytes[BatchHeader.size + place] = value
                let header = BatchHeader(
                    length: UInt32(good.count), logSegment: LogSegmentNumber(1), firstSequence: SequenceNumber(1),
                    synced: .start, count: 3)
                var seen = 0
                try? RecordEncoding.forEachFrame(of: header, at: 0, in: bytes) { frame in
                    seen += 1
                    #expect(frame.entries.allSatisfy { frame.bytes.contains($0.payload.lowerBound - 1) })
                }
                #expect(seen <= 3)
            }
        }
    }

    @Test func namesOfSegmentsAreStrict() {
        #expect(LogDirectory.name(of: LogSegmentNumber(12)) == "0000000000000012.log")
        #expect(LogDirectory.number(of: "0000000000000012.log") == LogSegmentNumber(12))
        #expect(LogDirectory.number(of: "0000004294967295.log") == LogSegmentNumber(4_294_967_295))
        let refused = [
            "0000004294967296.log", "0000000000000000.log", "12.log", "000000000000012.log", "00000000000000012.log",
            "+000000000000012.log", "0000000000000012.LOG", "0000000000000012.log ", "٠000000000000012.log", "",
        ]
        for name in refused { #expect(LogDirectory.number(of: name) == nil, "\(name)") }
    }

    @Test func optionsComplainInTheirOwnWords() async {
        var options = WALOptions()
        #expect(options.problems().isEmpty)
        options.segmentSize = ByteCount(1)
        #expect(options.problems() == ["wal-segment-size is 1 B; use 16 KiB … 1 GiB"])
    }
}
