/// A path inside a store, checked: 1 … 1,024 bytes, parts separated by single slashes, each of letters, digits and
/// `_ - . =`, none of them `.` or `..`.
public struct ObjectKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let path: String

    /// nil when the path is not a key.
    public init?(_ path: String) {
        let bytes = path.utf8
        guard (1...1_024).contains(bytes.count) else { return nil }
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            guard !part.isEmpty, part != ".", part != ".." else { return nil }
        }
        let allowed = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "="), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard allowed else { return nil }
        self.path = path
    }

    /// A key that our own code composed.
    public init(trusted path: String) {
        precondition(ObjectKey(path) != nil, "not an object key")
        self.path = path
    }

    public var description: String { path }
    public static func < (a: Self, b: Self) -> Bool { a.path.utf8.lexicographicallyPrecedes(b.path.utf8) }
}
