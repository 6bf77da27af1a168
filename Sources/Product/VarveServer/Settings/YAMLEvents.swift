import CYAML

/// libyaml's events, one after the other, copied out of its memory.
final class YAMLEvents {
    enum Kind {
        case text(String)
        case listStart, listEnd, mapStart, mapEnd
        /// An alias, or a node with an anchor.
        case alias
        /// Beginning and end of stream and document.
        case other
        case streamEnd
    }
    struct Event {
        var kind: Kind
        /// From 1.
        var line: Int
    }

    /// libyaml keeps pointers into itself: neither may move.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: [UInt8]) throws(YAMLProblem) {
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        input = .allocate(capacity: max(1, bytes.count))
        _ = input.initialize(from: bytes)
        // After a failure libyaml has given back what it had and cleared the rest: deleting it then is harmless.
        guard yaml_parser_initialize(parser) == 1 else { throw YAMLProblem(line: 1, text: "no memory for the parser") }
        yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    func next() throws(YAMLProblem) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw problem }
        defer { yaml_event_delete(&event) }
        let line = Int(clamping: event.start_mark.line) + 1
        return Event(kind: try kind(of: event, line: line), line: line)
    }

    private func kind(of event: yaml_event_t, line: Int) throws(YAMLProblem) -> Kind {
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            if scalar.anchor != nil { return .alias }
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
                throw YAMLProblem(line: line, text: "a text with a zero byte, or that is no UTF-8")
            }
            // What stands without quotes as `~` or `null`, or not at all, is no text.
            if scalar.style == YAML_PLAIN_SCALAR_STYLE, ["", "~", "null"].contains(text) { return .text("") }
            return .text(text)
        case YAML_SEQUENCE_START_EVENT: return event.data.sequence_start.anchor == nil ? .listStart : .alias
        case YAML_MAPPING_START_EVENT: return event.data.mapping_start.anchor == nil ? .mapStart : .alias
        case YAML_SEQUENCE_END_EVENT: return .listEnd
        case YAML_MAPPING_END_EVENT: return .mapEnd
        case YAML_ALIAS_EVENT: return .alias
        case YAML_STREAM_END_EVENT: return .streamEnd
        default: return .other
        }
    }

    private var problem: YAMLProblem {
        let text = parser.pointee.problem.map { String(cString: $0) } ?? "it cannot be read"
        return YAMLProblem(line: Int(clamping: parser.pointee.problem_mark.line) + 1, text: "no YAML: \(text)")
    }
}
