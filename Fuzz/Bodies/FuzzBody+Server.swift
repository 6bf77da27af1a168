import PromQL

@testable import VarveServer

extension FuzzBody {
    /// The query of a URL, or a form body, as every endpoint reads it; and a request's target.
    @Sendable public static func parameters(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        let request = APIRequest(method: "GET", target: text)
        precondition(request.path.utf8.count + request.query.utf8.count <= text.utf8.count)
        if let (_, label) = Route.find(request.path, prefix: "/prefix") {
            _ = PercentEncoding.decode(label.utf8, plusIsSpace: false).map(LabelNameEscaping.unescape)
        }
        _ = Credentials(text)
        for form in [try? FormParameters(query: bytes), try? FormParameters(query: request.query.utf8)] {
            guard let form else { continue }
            let defaults = QueryOptions()
            _ = try? InstantQueryParameters(form, now: 0, defaults: defaults)
            if let range = try? RangeQueryParameters(form, defaults: defaults) {
                precondition(range.step > 0 && range.end >= range.start)
                precondition((range.end - range.start) / range.step <= 11_000)
            }
            _ = try? SeriesParameters(form, defaults: defaults)
        }
        if let time = TimeText.parse(text) { precondition((TimeText.earliest...TimeText.latest).contains(time)) }
        _ = DurationParameter.parse(text)
        if let decoded = PercentEncoding.decode(bytes, plusIsSpace: false) {
            precondition(PercentEncoding.decode(PercentEncoding.encode(decoded).utf8, plusIsSpace: false) == decoded)
        }
    }

    /// A configuration file and a web configuration file: read, or refused with complaints that are short and name a line.
    @Sendable public static func configuration(_ bytes: [UInt8]) {
        let file = SettingsFile(path: "f", bytes: bytes)
        for problem in file.problems { precondition(problem.hasPrefix("f, line ") && problem.utf8.count < 4_096) }
        _ = try? ServeSettings(flags: [:], environment: [:], file: file)
        do throws(InvalidSettings) { _ = try WebConfigurationReader.read(path: "f", bytes: bytes) } catch {
            precondition(!error.problems.isEmpty)
            for problem in error.problems { precondition(problem.hasPrefix("f, line ") && problem.utf8.count < 4_096) }
        }
        let text = String(decoding: bytes, as: UTF8.self)
        // The same text for every setting at once: each reads it before all complaints are told.
        let everywhere = Dictionary(uniqueKeysWithValues: ServeSettings.names.map { ($0, text) })
        _ = try? ServeSettings(flags: everywhere, environment: [:])
    }

    /// An answer of another server, as the command line reads it: what is read can be written and read again.
    @Sendable public static func json(_ bytes: [UInt8]) {
        guard let value = try? JSONReader.read(bytes) else { return }
        var text = JSONText()
        text.append(value)
        precondition((try? JSONReader.read(text.bytes)) != nil, String(decoding: text.bytes, as: UTF8.self))
    }
}
