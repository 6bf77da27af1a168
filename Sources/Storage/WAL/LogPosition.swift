public import Platform

public enum LogSegmentOrder {}

/// Number of a log segment: 1 … 4,294,967,295 (four bytes in every batch), consecutive.
public typealias LogSegmentNumber = Ordinal<LogSegmentOrder>

/// A place in the log.
public struct LogPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var segment: LogSegmentNumber
    /// Bytes from the start of the log segment's file.
    public var offset: UInt64

    public init(_ segment: LogSegmentNumber, _ offset: UInt64) {
        self.segment = segment
        self.offset = offset
    }

    /// Before every log segment.
    static var start: Self { Self(.zero, 0) }

    public static func < (a: Self, b: Self) -> Bool {
        a.segment == b.segment ? a.offset < b.offset : a.segment < b.segment
    }
    public var description: String { "\(segment):\(offset)" }
}

extension [UInt8] {
    /// Appends the integer in little-endian order.
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
    /// Overwrites bytes written before; they must be there.
    mutating func patch<T: FixedWidthInteger>(littleEndian value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count)
        withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self) }
    }
    /// Nothing but zeros there; the range lies within.
    func isZero(in range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return withUnsafeBytes { buffer in
            var at = range.lowerBound
            while at + 8 <= range.upperBound {
                if buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self) != 0 { return false }
                at += 8
            }
            while at < range.upperBound {
                if buffer[at] != 0 { return false }
                at += 1
            }
            return true
        }
    }
    /// Zeros up to the next multiple of eight.
    mutating func padToEight() {
        while count % 8 != 0 { append(0) }
    }
}
