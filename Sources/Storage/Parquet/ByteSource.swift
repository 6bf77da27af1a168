/// Bytes at rest that can be read by range: an object, a file, an array.
public protocol ByteSource: Sendable {
    /// Of the whole.
    var size: UInt64 { get }
    /// The bytes of `range`; fewer or none is an error of the source.
    func read(_ range: Range<UInt64>) async throws -> [UInt8]
}
