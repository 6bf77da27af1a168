/// Label names in URLs: a name that is not a plain identifier may come as `U__` and its characters, `_2e_` for a dot,
/// `__` for an underscore.
enum LabelNameEscaping {
    /// The name that was meant; a text that is not well escaped stands for itself, as in Prometheus.
    static func unescape(_ text: String) -> String {
        guard text.utf8.starts(with: "U__".utf8) else { return text }
        let escaped = Array(text.utf8.dropFirst(3))
        var name: [UInt8] = []
        var at = 0
        while at < escaped.count {
            guard escaped[at] == UInt8(ascii: "_") else {
                name.append(escaped[at])
                at += 1
                continue
            }
            guard let end = escaped[(at + 1)...].firstIndex(of: UInt8(ascii: "_")) else { return text }
            if end == at + 1 {
                name.append(UInt8(ascii: "_"))
            } else {
                guard let character = scalar(escaped[(at + 1)..<end]) else { return text }
                name.append(contentsOf: String(Character(character)).utf8)
            }
            at = end + 1
        }
        return String(decoding: name, as: UTF8.self)
    }

    private static func scalar(_ digits: ArraySlice<UInt8>) -> Unicode.Scalar? {
        guard digits.count <= 6 else { return nil }
        var code: UInt32 = 0
        for digit in digits {
            guard let value = PercentEncoding.hexDigit(digit) else { return nil }
            code = code << 4 | UInt32(value)
        }
        return Unicode.Scalar(code)
    }
}
