import MetricModel
import Platform

/// Metrics as text for scrapers: Prometheus's 0.0.4 or OpenMetrics 1.0, with HELP and TYPE for each family.
///
/// Numbers of one name are brought together, in the order in which each name first came.
enum ExpositionText {
    enum Format: Sendable {
        case prometheus, openMetrics

        /// - Parameter accept: the request's header; empty when absent.
        init(accept: String) {
            self =
                accept.lowercased().split(separator: ",").contains { piece in
                    String(piece).trimmedASCII.hasPrefix("application/openmetrics-text")
                } ? .openMetrics : .prometheus
        }

        var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    static func write(_ numbers: [DatabaseStatistic], as format: Format) -> [UInt8] {
        var order: [String] = []
        var families: [String: [DatabaseStatistic]] = [:]
        for number in numbers {
            if families[number.name] == nil { order.append(number.name) }
            families[number.name, default: []].append(number)
        }
        var text: [UInt8] = []
        for name in order {
            guard let members = families[name], let first = members.first else { continue }
            // OpenMetrics names a counter's family without the suffix of its samples.
            let isCounter = first.kind == .counter && name.hasSuffix("_total")
            let family = format == .openMetrics && isCounter ? String(name.dropLast("_total".count)) : name
            text += Array("# HELP \(family) \(escaped(first.help, quotes: format == .openMetrics))\n".utf8)
            text += Array("# TYPE \(family) \(first.kind.rawValue)\n".utf8)
            for member in members { append(member, to: &text) }
        }
        if format == .openMetrics { text += Array("# EOF\n".utf8) }
        return text
    }

    private static func append(_ number: DatabaseStatistic, to text: inout [UInt8]) {
        text += Array((number.name + number.suffix).utf8)
        if !number.labels.isEmpty {
            let pairs = number.labels.labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
            text += Array("{\(pairs.joined(separator: ","))}".utf8)
        }
        text.append(UInt8(ascii: " "))
        DecimalText.append(number.value, to: &text)
        text.append(UInt8(ascii: "\n"))
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += #"\\"#
            case "\n": result += #"\n"#
            case "\"" where quotes: result += #"\""#
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
