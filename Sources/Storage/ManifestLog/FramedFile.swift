import ObjectStorage
import Platform

/// The frame that all manifest objects share; it stays as it is in every version. Little-endian.
///
///     offset size field
///          0    8 magic     which kind of object: `VARVEHED`, `VARVEDLT`, `VARVESNP`
///          8    4 version   of the records' meaning; unknown ones are refused
///         12    4 crc       CRC-32C of bytes 0 ..< 12 and of everything from byte 16
///         16    8 length    of the records: tells a cut object from a damaged one
///         24      records   each: tag (2), length (4), payload
///
/// Records are tagged so that more kinds can join later; a tag that is unknown is refused, never skipped, because it may
/// carry a change.
enum FramedFile {
    enum Kind: String {
        case head = "VARVEHED"
        case delta = "VARVEDLT"
        case snapshot = "VARVESNP"

        var word: String {
            switch self {
            case .head: "head"
            case .delta: "delta"
            case .snapshot: "snapshot"
            }
        }
    }

    static let formatVersion: UInt32 = 1
    static let headerSize = 24
    private static let checksumOffset = 12
    private static let checksumEnd = 16

    /// Collects records, then frames them.
    struct Builder {
        private var writer = ByteWriter()

        init(_ kind: Kind) {
            writer.append(bytes: Bytes(text: kind.rawValue))
            writer.append(FramedFile.formatVersion)
            writer.append(UInt32(0))
            writer.append(UInt64(0))
        }

        mutating func add(_ tag: RecordTag, _ payload: (inout ByteWriter) -> Void) {
            writer.append(tag.rawValue)
            let lengthOffset = writer.count
            writer.append(UInt32(0))
            payload(&writer)
            let length = writer.count - lengthOffset - 4
            precondition(length <= Int(UInt32.max))
            writer.patch(UInt32(length), at: lengthOffset)
        }

        func framed() -> Bytes {
            var done = writer
            done.patch(UInt64(done.count - FramedFile.headerSize), at: FramedFile.checksumEnd)
            done.patch(FramedFile.checksum(of: done.bytes), at: FramedFile.checksumOffset)
            return done.bytes
        }
    }

    /// - Parameter bytes: at least a header.
    static func checksum(of bytes: Bytes) -> UInt32 {
        bytes.withUnsafeBytes { all in
            let start = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: all[..<checksumOffset]))
            return CRC32C.checksum(UnsafeRawBufferPointer(rebasing: all[checksumEnd...]), continuing: start)
        }
    }

    /// The records of an object from outside, in order.
    static func records(of bytes: Bytes, as kind: Kind, at key: ObjectKey) throws(ManifestError) -> [FramedRecord] {
        guard bytes.count >= headerSize else {
            throw .damaged(key, at: bytes.count, "it has \(bytes.count) bytes, a header alone has \(headerSize)")
        }
        var reader = ByteReader(bytes)
        let header = try reading(key) { () throws(MalformedBytes) in try Header(&reader) }
        guard header.magic.elementsEqual(kind.rawValue.utf8) else {
            throw .damaged(key, "it does not begin with \(kind.rawValue): not a manifest \(kind.word)")
        }
        guard header.length == UInt64(reader.remaining) else {
            throw .damaged(
                key, at: bytes.count,
                "it should have \(header.length) bytes after its header and has \(reader.remaining)")
        }
        let found = checksum(of: bytes)
        guard found == header.checksum else {
            throw .damaged(key, at: checksumOffset, "CRC-32C is \(hex(found)), expected \(hex(header.checksum))")
        }
        // Only now: a flipped bit in the version is damage, not a newer Varve.
        guard header.version == formatVersion else {
            throw .unsupportedVersion(object: key.path, version: header.version)
        }
        return try reading(key) { () throws(MalformedBytes) in
            var records: [FramedRecord] = []
            while !reader.isAtEnd {
                let at = reader.offset
                let number = try reader.integer(UInt16.self, "a record's tag")
                let length = try reader.integer(UInt32.self, "a record's length")
                guard let tag = RecordTag(rawValue: number), tag.belongs(in: kind) else {
                    throw MalformedBytes(
                        offset: at, expected: "a record that this Varve knows, found tag \(number) in a \(kind.word)")
                }
                let payload = try reader.take(Int(length), "a record of tag \(number)")
                records.append(
                    FramedRecord(tag: tag, reader: ByteReader(bytes, in: payload.startIndex..<payload.endIndex)))
            }
            return records
        }
    }

    private struct Header {
        let magic: ArraySlice<UInt8>
        let version: UInt32
        let checksum: UInt32
        let length: UInt64

        init(_ reader: inout ByteReader) throws(MalformedBytes) {
            magic = try reader.take(8, "the magic")
            version = try reader.integer(UInt32.self, "the format version")
            checksum = try reader.integer(UInt32.self, "the checksum")
            length = try reader.integer(UInt64.self, "the length")
        }
    }

    /// Bytes that say something impossible are damage of `key`.
    static func reading<Value>(
        _ key: ObjectKey, _ body: () throws(MalformedBytes) -> Value
    ) throws(ManifestError) -> Value {
        do {
            return try body()
        } catch {
            throw .damaged(key, at: error.offset, error.description)
        }
    }

    static func hex(_ checksum: UInt32) -> String { "0x" + String(checksum, radix: 16) }
}

/// One record of a manifest object, its payload not yet read.
struct FramedRecord {
    let tag: RecordTag
    let reader: ByteReader

    /// Reads the payload with `body`, which must use all of it.
    func read<Value>(
        _ body: (inout ByteReader) throws(MalformedBytes) -> Value
    ) throws(MalformedBytes) -> Value {
        var reader = reader
        let value = try body(&reader)
        guard reader.isAtEnd else {
            throw MalformedBytes(offset: reader.offset, expected: "the end of a record of tag \(tag.rawValue)")
        }
        return value
    }
}

/// What a record says. Numbers are for ever.
enum RecordTag: UInt16 {
    /// Version, claim; in a head also the claimant. First in every object, once.
    case position = 1
    case cut = 2
    case counter = 3
    /// An SST that is added (delta) or live (snapshot).
    case sst = 4
    /// An id that a delta removes.
    case removal = 5
    /// An SST that is removed and not yet collected.
    case removed = 6
    case collected = 7
    case currentSnapshot = 8
    case previousSnapshot = 9
    case delta = 10
    /// An earlier claim and its last version.
    case earlierClaim = 11

    func belongs(in kind: FramedFile.Kind) -> Bool {
        switch self {
        case .position: true
        case .cut, .counter, .sst: kind != .head
        case .removal, .collected: kind == .delta
        case .removed: kind == .snapshot
        case .currentSnapshot, .previousSnapshot, .delta, .earlierClaim: kind == .head
        }
    }
}
