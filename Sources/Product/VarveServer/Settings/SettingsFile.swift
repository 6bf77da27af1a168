/// A configuration file: the settings by their names, each with its line. `query: {timeout: 1m}` is `query.timeout: 1m`.
public struct SettingsFile: Sendable, Equatable {
    struct Value: Equatable, Sendable {
        var text: String
        var line: Int
    }

    let path: String
    let values: [String: Value]
    let problems: [String]

    /// - Parameter path: as the user named it, for messages.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        var reader = Reader(path: path)
        do throws(YAMLProblem) {
            if let root = try YAMLNode.parse(bytes) { reader.read(root, "", line: 1) }
        } catch { reader.problems.append("\(path), line \(error.line): \(error.text)") }
        values = reader.values
        problems = reader.problems
    }

    /// Recurses as deep as the document, which is bounded.
    private struct Reader {
        let path: String
        var values: [String: Value] = [:]
        var problems: [String] = []

        mutating func read(_ node: YAMLNode, _ name: String, line: Int) {
            switch node.content {
            case .map(let entries):
                for entry in entries {
                    read(entry.value, name.isEmpty ? entry.key : "\(name).\(entry.key)", line: entry.line)
                }
            case .list:
                complain(line, name.isEmpty ? "a list; use NAME: VALUE" : "\(shown(name)) is a list; use one value")
            case .text(let text):
                guard !name.isEmpty else {
                    // A document without anything in it.
                    return text.isEmpty ? () : complain(line, "a text; use NAME: VALUE")
                }
                guard ServeSettings.namesInFile.contains(name) else {
                    let guess =
                        nearest(to: name, among: ServeSettings.namesInFile).map { "; did you mean \($0)?" } ?? ""
                    return complain(line, "unknown key \(shown(name))\(guess)")
                }
                if let first = values.updateValue(Value(text: text, line: line), forKey: name) {
                    complain(line, "\(name) stands here again, first in line \(first.line)")
                }
            }
        }

        private mutating func complain(_ line: Int, _ text: String) {
            problems.append("\(path), line \(line): \(text)")
        }
        private func shown(_ name: String) -> String { SettingsText.quoted(name) }
    }
}

/// How texts from outside are shown in complaints.
enum SettingsText {
    /// Quoted; control characters escaped; at most 128 characters of it.
    static func quoted(_ text: String) -> String {
        var json = JSONText()
        json.append(string: String(text.prefix(128)))
        return String(decoding: json.bytes, as: UTF8.self) + (text.count > 128 ? "…" : "")
    }
}
