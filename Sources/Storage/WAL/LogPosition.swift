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
