/// A series in words, for messages: at most 256 characters, nothing that could break a line or a terminal.
public enum SeriesText {
    static let maximumCharacters = 256

    /// - Parameter labels: canonical (`LabelEncoding`); what is malformed shows as `…`.
    public static func describe(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>) -> String {
        var pairs: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)] = []
        do {
            try LabelEncoding.forEach(in: labels) { pairs.append((labels[$0], labels[$1])) }
        } catch { pairs.append((Array("…".utf8)[...], [])) }
        return describe(metric: metric, pairs: pairs)
    }

    /// Labels as they came: in any order, of any bytes.
    public static func describe(
        metric: ArraySlice<UInt8>, pairs: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)]
    ) -> String {
        var text = String(decoding: metric.prefix(maximumCharacters), as: UTF8.self)
        var separator = "{"
        for (name, value) in pairs where text.utf8.count <= maximumCharacters * 4 {
            text += separator
            text += String(decoding: name.prefix(maximumCharacters), as: UTF8.self)
            text += "=\"" + String(decoding: value.prefix(maximumCharacters), as: UTF8.self) + "\""
            separator = ", "
        }
        if separator != "{" { text += "}" }
        return escaped(text)
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        var count = 0
        for scalar in text.unicodeScalars {
            guard count < maximumCharacters else { return escaped + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                escaped += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: escaped.unicodeScalars.append(scalar)
            }
            count += 1
        }
        return escaped
    }
}
