import CYAML

/// A YAML document as far as configuration needs it: maps of texts, lists, texts; each with its line.
///
/// - Bounded before anything is built: 256 KiB, 16 levels, 10,000 nodes. Anchors and aliases are refused: none is needed,
///   and a few of them can stand for gigabytes.
/// - A key stands once in its map. One document to a file.
struct YAMLNode: Equatable, Sendable {
    indirect enum Content: Equatable, Sendable {
        case text(String)
        case list([YAMLNode])
        case map([Entry])
    }
    struct Entry: Equatable, Sendable {
        var key: String
        var line: Int
        var value: YAMLNode
    }

    static let maximumBytes = 256 << 10
    static let maximumDepth = 16
    static let maximumNodes = 10_000

    /// From 1.
    var line: Int
    var content: Content

    /// nil for a file that holds nothing.
    /// - Throws: `YAMLProblem`, with the line.
    static func parse(_ bytes: [UInt8]) throws(YAMLProblem) -> YAMLNode? {
        guard bytes.count <= maximumBytes else {
            throw YAMLProblem(line: 1, text: "the file has \(bytes.count) bytes; at most \(maximumBytes) are read")
        }
        let events = try YAMLEvents(bytes)
        var builder = YAMLBuilder(events)
        return try builder.document()
    }

    var text: String? {
        guard case .text(let text) = content else { return nil }
        return text
    }
}

/// Why a file is no configuration: the first place where it goes wrong.
struct YAMLProblem: Error, Equatable {
    var line: Int
    var text: String
}

/// Nodes from libyaml's events, level by level.
private struct YAMLBuilder {
    private let events: YAMLEvents
    private var nodes = 0

    init(_ events: YAMLEvents) { self.events = events }

    mutating func document() throws(YAMLProblem) -> YAMLNode? {
        var found: YAMLNode?
        while true {
            let event = try events.next()
            switch event.kind {
            case .other: continue
            case .streamEnd: return found
            default:
                guard found == nil else {
                    throw YAMLProblem(line: event.line, text: "a second document; one to a file is read")
                }
                found = try node(event, depth: 1)
            }
        }
    }

    /// Recurses `maximumDepth` times at most.
    private mutating func node(_ event: YAMLEvents.Event, depth: Int) throws(YAMLProblem) -> YAMLNode {
        nodes += 1
        guard nodes <= YAMLNode.maximumNodes else {
            throw YAMLProblem(line: event.line, text: "more than \(YAMLNode.maximumNodes) keys and values")
        }
        guard depth <= YAMLNode.maximumDepth else {
            throw YAMLProblem(line: event.line, text: "nested more than \(YAMLNode.maximumDepth) levels deep")
        }
        switch event.kind {
        case .text(let text): return YAMLNode(line: event.line, content: .text(text))
        case .listStart:
            var members: [YAMLNode] = []
            while true {
                let next = try events.next()
                if case .listEnd = next.kind { return YAMLNode(line: event.line, content: .list(members)) }
                members.append(try node(next, depth: depth + 1))
            }
        case .mapStart:
            var entries: [YAMLNode.Entry] = []
            var lines: [String: Int] = [:]
            while true {
                let next = try events.next()
                if case .mapEnd = next.kind { return YAMLNode(line: event.line, content: .map(entries)) }
                guard case .text(let key) = next.kind else {
                    throw YAMLProblem(line: next.line, text: "a key that is no plain text")
                }
                if let first = lines.updateValue(next.line, forKey: key) {
                    throw YAMLProblem(
                        line: next.line, text: "\(SettingsText.quoted(key)) stands here again, first in line \(first)")
                }
                let value = try node(events.next(), depth: depth + 1)
                entries.append(YAMLNode.Entry(key: key, line: next.line, value: value))
            }
        case .alias: throw YAMLProblem(line: event.line, text: "anchors and aliases (& and *) are not taken")
        case .listEnd, .mapEnd, .streamEnd, .other:
            throw YAMLProblem(line: event.line, text: "a value is missing")
        }
    }
}
