import Platform

/// Header of a log segment's file. Little-endian, version 1.
///
///     offset size field
///          0    8 magic       "VARVELOG"
///          8    4 crc         CRC-32C of everything after it, up to 4,096
///         12    4 version     1; every version keeps these first sixteen bytes
///         16    4 number      as the file's name says it
///         20    4 length      of the region's name, 1 … 1,024
///         24    … region      UTF-8: a log moved to another region's directory is refused
///          …    … zeros       up to 4,092: no batch shares a sector with the header, so none can tear it
///      4,092    4 reused      1: what follows the last batch and its end mark is an older log segment's; else 0
struct LogSegmentHeader: Equatable {
    static let size = 4_096
    static let magic = Bytes(text: "VARVELOG")
    static let version: UInt32 = 1
    static let regionLimit = 1_024
    private static let reusedOffset = 4_092

    var number: LogSegmentNumber
    var region: String
    var isReused = false

    /// What the first bytes of a file are.
    enum Reading: Equatable {
        case valid(LogSegmentHeader)
        /// Nothing but zeros, or nothing at all: creation was interrupted.
        case empty
        /// Neither a header nor zeros.
        case bad(String)
        /// Whole and sound, but not for us.
        case newerVersion(UInt32)
    }

    func encoded() -> Bytes {
        let name = Bytes(text: region)
        precondition((1...Self.regionLimit).contains(name.count))
        var bytes = Self.magic
        bytes.reserveCapacity(Self.size)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: Self.version)
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: number.rawValue))
        bytes.append(littleEndian: UInt32(name.count))
        bytes += name
        bytes += repeatElement(0, count: Self.reusedOffset - bytes.count)
        bytes.append(littleEndian: UInt32(isReused ? 1 : 0))
        bytes.patch(littleEndian: Self.checksum(bytes), at: 8)
        return bytes
    }

    private static func checksum(_ bytes: Bytes) -> UInt32 {
        bytes.withUnsafeBytes { CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[12..<size])) }
    }

    /// - Parameter bytes: the first `size` bytes of the file, or all it has.
    static func read(_ bytes: Bytes) -> Reading {
        if bytes.isZero(in: bytes.indices) { return .empty }
        guard bytes.count >= size else { return .bad("a header of \(bytes.count) bytes, expected \(size)") }
        guard Array(bytes[0..<8]) == magic else { return .bad("no log segment's magic") }
        do {
            var reader = ByteReader(bytes, in: 8..<size)
            let crc = try reader.integer(UInt32.self, "the header's CRC-32C")
            let actual = checksum(Array(bytes[0..<size]))
            guard crc == actual else {
                return .bad("CRC-32C 0x\(String(actual, radix: 16)), expected 0x\(String(crc, radix: 16))")
            }
            let version = try reader.integer(UInt32.self, "the version")
            guard version == Self.version else { return .newerVersion(version) }
            let number = try reader.integer(UInt32.self, "the log segment's number")
            let length = try reader.integer(UInt32.self, "the length of the region's name")
            guard (1...UInt32(regionLimit)).contains(length) else { return .bad("a region's name of \(length) bytes") }
            let name = try reader.take(Int(length), "the region's name")
            guard let region = String(validating: name, as: UTF8.self) else {
                return .bad("a region's name not in UTF-8")
            }
            var end = ByteReader(bytes, in: reusedOffset..<size)
            let reused = try end.integer(UInt32.self, "whether the file was reused")
            return .valid(
                LogSegmentHeader(number: LogSegmentNumber(UInt64(number)), region: region, isReused: reused != 0))
        } catch {
            return .bad("\(error)")
        }
    }
}
