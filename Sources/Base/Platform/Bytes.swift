/// Bytes that one owner hands to another, whole.
public typealias Bytes = [UInt8]

extension Bytes {
    /// UTF-8 text as bytes.
    public init(text: String) { self = Array(text.utf8) }
}
