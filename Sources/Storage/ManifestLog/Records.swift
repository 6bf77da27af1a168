import Columnar
import Platform

// Payloads that several manifest objects share. All integers little-endian, all sizes fixed but for names.

/// Where in the history an object belongs. 16 bytes: version (8), claim (8).
struct Position: Equatable {
    var version: ManifestVersion
    var claim: ClaimNumber

    func append(to writer: inout ByteWriter) {
        writer.append(version.rawValue)
        writer.append(claim.rawValue)
    }
    init(version: ManifestVersion, claim: ClaimNumber) {
        self.version = version
        self.claim = claim
    }
    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        version = ManifestVersion(try reader.integer(UInt64.self, "a version"))
        claim = ClaimNumber(try reader.integer(UInt64.self, "a claim number"))
    }

    /// The position that an object must begin with.
    static func first(of records: [FramedRecord]) throws(MalformedBytes) -> FramedRecord {
        guard let first = records.first, first.tag == .position else {
            throw MalformedBytes(offset: FramedFile.headerSize, expected: "version and claim first")
        }
        return first
    }
}

/// A second one of what may be there only once.
func repeated(_ record: FramedRecord, _ what: String) -> MalformedBytes {
    MalformedBytes(offset: record.reader.offset, expected: "\(what) only once")
}

extension SSTID {
    /// 16 bytes: claim (8), counter (8).
    func append(to writer: inout ByteWriter) {
        writer.append(claim.rawValue)
        writer.append(counter)
    }
    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        let claim = ClaimNumber(try reader.integer(UInt64.self, "the claim of an SST id"))
        self.init(claim: claim, counter: try reader.integer(UInt64.self, "the counter of an SST id"))
    }
}

extension Range where Bound == Int64 {
    /// 16 bytes: start (8), end (8); the end is not before the start.
    func append(to writer: inout ByteWriter) {
        writer.append(lowerBound)
        writer.append(upperBound)
    }
    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        let at = reader.offset
        let start = try reader.integer(Int64.self, "the start of a segment")
        let end = try reader.integer(Int64.self, "the end of a segment")
        guard start <= end else { throw MalformedBytes(offset: at, expected: "a segment that ends after its start") }
        self = start..<end
    }
}

extension SSTMetadata {
    /// 110 bytes: id (16), table (2), segment (16), size (8), checksum (4), rows (8), times (8, 8), keys (8, 8),
    /// sequences (8, 8), flags (8, always 0: room for what a reader must not ignore).
    func append(to writer: inout ByteWriter) {
        id.append(to: &writer)
        writer.append(table)
        segment.append(to: &writer)
        writer.append(size)
        writer.append(checksum)
        writer.append(rows)
        writer.append(minTime)
        writer.append(maxTime)
        writer.append(minKey)
        writer.append(maxKey)
        writer.append(minSequence.rawValue)
        writer.append(maxSequence.rawValue)
        writer.append(UInt64(0))
    }

    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        self.init(
            id: try SSTID(&reader), table: try reader.integer(UInt16.self, "a table number"),
            segment: try TimeRange(&reader), size: try reader.integer(UInt64.self, "the size of an SST"),
            checksum: try reader.integer(UInt32.self, "the checksum of an SST"),
            rows: try reader.integer(UInt64.self, "the rows of an SST"),
            minTime: try reader.integer(Int64.self, "the first time of an SST"),
            maxTime: try reader.integer(Int64.self, "the last time of an SST"),
            minKey: try reader.integer(Int64.self, "the first key of an SST"),
            maxKey: try reader.integer(Int64.self, "the last key of an SST"),
            minSequence: SequenceNumber(try reader.integer(UInt64.self, "the lowest sequence of an SST")),
            maxSequence: SequenceNumber(try reader.integer(UInt64.self, "the highest sequence of an SST")))
        let at = reader.offset
        guard try reader.integer(UInt64.self, "the flags of an SST") == 0 else {
            throw MalformedBytes(offset: at, expected: "no flags of an SST, this Varve knows none")
        }
    }
}

extension RemovedSST {
    /// 26 bytes: table (2), segment (16), time of removal (8).
    func append(to writer: inout ByteWriter) {
        writer.append(table)
        segment.append(to: &writer)
        writer.append(removedAt)
    }
    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        self.init(
            table: try reader.integer(UInt16.self, "a table number"), segment: try TimeRange(&reader),
            removedAt: try reader.integer(Int64.self, "a time of removal"))
    }
}

/// A named counter: value (8), name (the rest).
struct CounterRecord {
    static func append(_ name: String, _ value: UInt64, to writer: inout ByteWriter) {
        writer.append(value)
        writer.append(bytes: Bytes(text: name))
    }

    static func read(_ reader: inout ByteReader) throws(MalformedBytes) -> (name: String, value: UInt64) {
        let value = try reader.integer(UInt64.self, "the value of a counter")
        let at = reader.offset
        let name = String(decoding: try reader.take(reader.remaining, "the name of a counter"), as: UTF8.self)
        guard isName(name) else {
            throw MalformedBytes(offset: at, expected: "a counter's name of a-z, 0-9 and - (1 … 64 bytes)")
        }
        return (name, value)
    }

    /// ASCII only, so that equal names are equal bytes.
    static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}
