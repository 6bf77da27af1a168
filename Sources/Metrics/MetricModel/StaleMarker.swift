/// The NaN that says 'this series ended here': one bit pattern, kept bit for bit.
public enum StaleMarker {
    public static let bitPattern: UInt64 = 0x7ff0_0000_0000_0002
    public static var value: Double { Double(bitPattern: bitPattern) }
    @inlinable public static func isStale(_ value: Double) -> Bool { value.bitPattern == 0x7ff0_0000_0000_0002 }
}
