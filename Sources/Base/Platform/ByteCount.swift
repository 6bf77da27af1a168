/// A size with its unit.
public struct ByteCount: Hashable, Comparable, Sendable {
    public let bytes: Int
    public init(_ bytes: Int) { self.bytes = bytes }

    public static func kibibytes(_ n: Int) -> Self { Self(n << 10) }
    public static func mebibytes(_ n: Int) -> Self { Self(n << 20) }
    public static func < (a: Self, b: Self) -> Bool { a.bytes < b.bytes }

    /// `64MiB`, `1GiB`, `512KiB`, `10MB`, `4096`: a whole number and a unit, powers of 1024 with an i, of 1000 without;
    /// nil for anything else and for what does not fit.
    public init?(text: String) {
        let units: [(String, Int)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
            ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1), ("", 1),
        ]
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            guard let number = Int(text.dropLast(suffix.count)), number >= 0 else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            guard !overflow else { return nil }
            self.init(product)
            return
        }
        return nil
    }
}

extension ByteCount: CustomStringConvertible {
    public var description: String {
        for (name, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes >= 1 << shift {
            if bytes & ((1 << shift) - 1) == 0 { return "\(bytes >> shift) \(name)" }
            let tenths = ((bytes >> (shift - 10)) * 10) >> 10
            return "\(tenths / 10).\(tenths % 10) \(name)"
        }
        return "\(bytes) B"
    }
}
