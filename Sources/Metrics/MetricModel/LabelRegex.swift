import CRE2

/// A pattern that RE2 does not take: which, and why.
public struct InvalidRegex: Error, Equatable, Sendable, CustomStringConvertible {
    public let pattern: String
    public let reason: String
    public var description: String { "error parsing regexp: \(reason): `\(pattern.prefix(256))`" }
}

/// A regular expression over whole label values: RE2's syntax and linear time, fully anchored.
///
/// Literals, alternations of literals and `prefix.*` are recognised and never reach RE2.
public final class LabelRegex: Sendable {
    private enum Form: Sendable {
        case anything
        case nonEmpty
        case literals([String])
        case prefix(String)
        case compiled(Compiled)
    }

    /// RE2 objects are immutable and may match on several threads at once (re2.h), so sharing is safe.
    private final class Compiled: @unchecked Sendable {
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { varve_re2_free(pointer) }
    }

    public let pattern: String
    private let form: Form
    private let groups: Compiled

    /// Patterns up to 64 KiB and up to `maximumCost`.
    public init(_ pattern: String) throws(InvalidRegex) {
        guard pattern.utf8.count <= 64 << 10 else {
            throw InvalidRegex(pattern: pattern, reason: "longer than 64 KiB")
        }
        guard Self.estimatedCost(of: pattern) <= Self.maximumCost else {
            throw InvalidRegex(pattern: pattern, reason: "too costly to compile; use fewer or smaller repetitions")
        }
        var text = pattern
        var reason = ""
        let compiled: OpaquePointer? = text.withUTF8 { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { error in
                bytes.withMemoryRebound(to: CChar.self) { pattern in
                    let result = varve_re2_compile(pattern.baseAddress, pattern.count, error.baseAddress, error.count)
                    if result == nil, let start = error.baseAddress { reason = String(cString: start) }
                    return result
                }
            }
        }
        guard let compiled else { throw InvalidRegex(pattern: pattern, reason: reason) }
        self.pattern = pattern
        groups = Compiled(compiled)
        form = Self.shortcut(pattern) ?? .compiled(groups)
    }

    /// A form that needs no automaton; nil when there is none.
    private static func shortcut(_ pattern: String) -> Form? {
        if pattern == ".*" { return .anything }
        if pattern == ".+" { return .nonEmpty }
        let special = Set(#"\.+*?()[]{}^$|"#.unicodeScalars)
        func isLiteral(_ text: Substring) -> Bool { !text.unicodeScalars.contains { special.contains($0) } }
        let alternatives = pattern.split(separator: "|", omittingEmptySubsequences: false)
        if alternatives.allSatisfy(isLiteral) { return .literals(alternatives.map(String.init)) }
        if pattern.hasSuffix(".*"), isLiteral(pattern.dropLast(2)) { return .prefix(String(pattern.dropLast(2))) }
        return nil
    }

    public func matches(_ text: String) -> Bool {
        switch form {
        case .anything: return true
        case .nonEmpty: return !text.isEmpty
        case .literals(let literals): return literals.contains { $0.hasSameBytes(as: text) }
        case .prefix(let prefix): return text.utf8.starts(with: prefix.utf8)
        case .compiled(let compiled):
            var text = text
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    varve_re2_full_match(compiled.pointer, $0.baseAddress, $0.count)
                }
            }
        }
    }

    /// The only values that can match, when there are few: what an index can look up.
    public var literalAlternatives: [String]? {
        if case .literals(let literals) = form { return literals }
        return nil
    }

    /// Number of capture groups, the whole match not counted.
    public var groupCount: Int { Int(varve_re2_group_count(groups.pointer)) }

    /// Index (from 1) of a named group; nil when there is none.
    public func groupIndex(named name: String) -> Int? {
        var name = name
        let index = name.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                varve_re2_group_index(groups.pointer, $0.baseAddress, $0.count)
            }
        }
        return index > 0 ? Int(index) : nil
    }

    /// The whole of `text` matched: group 0 (the whole) and every other group; nil for one that took no part. nil: no
    /// match.
    public func captures(in text: String) -> [String?]? {
        let count = groupCount + 1
        var text = text
        return text.withUTF8 { bytes -> [String?]? in
            var starts = [Int](repeating: 0, count: count)
            var lengths = [Int](repeating: -1, count: count)
            let matched = bytes.withMemoryRebound(to: CChar.self) {
                varve_re2_capture(groups.pointer, $0.baseAddress, $0.count, &starts, &lengths, Int32(count))
            }
            guard matched else { return nil }
            return (0..<count).map { i in
                guard lengths[i] >= 0 else { return nil }
                return String(decoding: bytes[starts[i]..<starts[i] + lengths[i]], as: UTF8.self)
            }
        }
    }
}
