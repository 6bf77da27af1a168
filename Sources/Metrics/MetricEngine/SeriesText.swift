import MetricModel

/// A series in words, for messages: at most 256 characters, nothing that could break a line or a terminal.
enum SeriesText {
    static let maximumCharacters = 256

    static func describe(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>) -> String {
        var text = String(decoding: metric.prefix(maximumCharacters), as: UTF8.self)
        var separator = "{"
        do {
            try LabelEncoding.forEach(in: labels) { name, value in
                guard text.utf8.count <= maximumCharacters * 4 else { return }
                text += separator
                text += String(decoding: labels[name].prefix(maximumCharacters), as: UTF8.self)
                text += "=\"" + String(decoding: labels[value].prefix(maximumCharacters), as: UTF8.self) + "\""
                separator = ", "
            }
        } catch { text += separator + "…" }
        if separator != "{" { text += "}" }
        return escaped(text)
    }

    static func describe(_ labels: Labels) -> String {
        let metric = labels.metricName ?? ""
        return describe(metric: Array(metric.utf8)[...], labels: LabelEncoding.encode(labels)[...])
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
