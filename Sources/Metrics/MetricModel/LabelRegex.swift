import CRE2

/// A pattern that RE2 does not take: which, why, and where.
public struct InvalidRegex: Error, Equatable, Sendable, CustomStringConvertible {
    public let pattern: String
    public let reason: String
    /// The part that the reason is about.
    public let place: String
    init(pattern: String, reason: String, place: String? = nil) {
        self.pattern = pattern
        self.reason = reason
        self.place = place ?? pattern
    }
    public var description: String { "error parsing regexp: \(reason): `\(place.prefix(256))`" }
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
        var text = Self.withNamedGroups(pattern)
        var problem: (reason: String, place: String)?
        let compiled: OpaquePointer? = text.withUTF8 { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1_024) { error in
                guard let reason = error.baseAddress else { return nil }
                let place = reason + 256
                return bytes.withMemoryRebound(to: CChar.self) { pattern in
                    let result = varve_re2_compile(
                        pattern.baseAddress, pattern.count, reason, 256, place, error.count - 256)
                    if result == nil { problem = (String(cString: reason), String(cString: place)) }
                    return result
                }
            }
        }
        guard let compiled else {
            throw InvalidRegex(pattern: pattern, reason: problem?.reason ?? "", place: problem?.place)
        }
        self.pattern = pattern
        groups = Compiled(compiled)
        form = Self.shortcut(pattern) ?? .compiled(groups)
    }

    /// `(?<name>…)` as `(?P<name>…)`: Go takes both, older RE2 only the second.
    private static func withNamedGroups(_ pattern: String) -> String {
        let bytes = Array(pattern.utf8)
        let opening = Array("(?<".utf8)
        guard bytes.count > opening.count else { return pattern }
        var out: [UInt8] = []
        var i = 0
        var isInClass = false
        while i < bytes.count {
            let byte = bytes[i]
            if byte == UInt8(ascii: "\\"), i + 1 < bytes.count {
                out += bytes[i...i + 1]
                i += 2
                continue
            }
            if isInClass ? byte == UInt8(ascii: "]") : byte == UInt8(ascii: "[") { isInClass.toggle() }
            if !isInClass, bytes[i...].starts(with: opening), i + 3 < bytes.count,
                bytes[i + 3] != UInt8(ascii: "="), bytes[i + 3] != UInt8(ascii: "!")
            {
                out += Array("(?P<".utf8)
                i += 3
                continue
            }
            out.append(byte)
            i += 1
        }
        return out.count == bytes.count ? pattern : String(decoding: out, as: UTF8.self)
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
