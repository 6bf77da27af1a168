import CPlatform

/// Sample values as Prometheus writes them.
public enum DecimalText {
    /// Appends the shortest text that reads back as `value`: `NaN`, `+Inf`, `-Inf`, plain notation from 1e-6 to below
    /// 1e21, an exponent outside.
    public static func append(_ value: Double, to text: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            guard let base = buffer.baseAddress else { return }
            let length = varve_format_double(value, base)
            text.append(contentsOf: UnsafeRawBufferPointer(start: base, count: length))
        }
    }

    /// Bytes that `write` may need.
    public static let longest = 32

    /// The same to `text`, which has room for `longest` bytes. Returns how many they are.
    public static func write(_ value: Double, to text: UnsafeMutablePointer<UInt8>) -> Int {
        text.withMemoryRebound(to: CChar.self, capacity: longest) { varve_format_double(value, $0) }
    }

    public static func string(_ value: Double) -> String {
        var text: [UInt8] = []
        append(value, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
