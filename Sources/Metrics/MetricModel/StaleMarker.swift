/// The NaN that says 'this series ended here': one bit pattern, kept bit for bit.
public enum StaleMarker {
    public static let bitPattern: UInt64 = 0x7ff0_0000_0000_0002
    public static var value: Double { Double(bitPattern: bitPattern) }
    @inlinable public static func isStale(_ value: Double) -> Bool { value.bitPattern == 0x7ff0_0000_0000_0002 }

    /// Blocks without an early way out: the compiler compares several at a time.
    public static func isAny(in values: UnsafeBufferPointer<Double>) -> Bool {
        var start = 0
        while start < values.count {
            let end = min(start &+ 1_024, values.count)
            var found: UInt64 = 0
            for i in start..<end { found |= values[i].bitPattern == bitPattern ? 1 : 0 }
            if found != 0 { return true }
            start = end
        }
        return false
    }
}
