extension LabelRegex {
    /// What compiling `pattern` costs, roughly: one unit is one `.`, about 1.5 µs and 200 bytes.
    ///
    /// RE2 matches in linear time whatever the pattern, but a short pattern may compile slowly: `\pL{200}` takes 90 ms
    /// and 1.4 MB. Counted repetitions multiply what they follow, classes of Unicode are large.
    public static func estimatedCost(of pattern: String) -> Int {
        var estimate = CostEstimate()
        let bytes = Array(pattern.utf8)
        var i = 0
        while i < bytes.count {
            i = estimate.read(bytes, at: i)
        }
        return estimate.total
    }

    /// The most that one pattern, and the patterns of one query together, may cost: about 0.15 s.
    public static let maximumCost = 100_000
}

/// Sums atoms, group by group.
private struct CostEstimate {
    private static let perPattern = 10
    /// `\pL` has 600 ranges of code points.
    private static let unicodeClass = 320
    private static let cap = 1 << 40

    private struct Group {
        var sum = 0
        /// The last atom or group: what a repetition multiplies.
        var last = 0
    }
    private var groups = [Group()]

    /// Groups that are never closed count as well.
    var total: Int {
        groups.reduce(Self.perPattern) { min(Self.cap, $0 + $1.sum + $1.last) }
    }

    private mutating func atom(_ cost: Int) {
        let at = groups.count - 1
        groups[at].sum = min(Self.cap, groups[at].sum + groups[at].last)
        groups[at].last = cost
    }

    /// Reads one piece of the pattern; returns where the next begins.
    mutating func read(_ bytes: [UInt8], at start: Int) -> Int {
        switch bytes[start] {
        case UInt8(ascii: "\\"):
            guard start + 1 < bytes.count, bytes[start + 1] | 32 == UInt8(ascii: "p") else {
                atom(1)
                return start + 2
            }
            atom(Self.unicodeClass)
            // `\pL` or `\p{Greek}`
            guard start + 2 < bytes.count, bytes[start + 2] == UInt8(ascii: "{") else { return start + 3 }
            return (bytes[(start + 2)...].firstIndex(of: UInt8(ascii: "}")) ?? bytes.count) + 1
        case UInt8(ascii: "("):
            groups.append(Group())
            return start + 1
        case UInt8(ascii: ")"):
            guard groups.count > 1 else { return start + 1 }
            let closed = groups.removeLast()
            atom(min(Self.cap, closed.sum + closed.last))
            return start + 1
        case UInt8(ascii: "["): return characterClass(bytes, at: start)
        case UInt8(ascii: "{"):
            guard let (count, end) = Self.repetition(bytes, at: start) else {
                atom(1)
                return start + 1
            }
            let (product, overflow) = groups[groups.count - 1].last.multipliedReportingOverflow(by: max(1, count))
            groups[groups.count - 1].last = overflow ? Self.cap : min(Self.cap, product)
            return end
        default:
            atom(1)
            return start + 1
        }
    }

    private mutating func characterClass(_ bytes: [UInt8], at start: Int) -> Int {
        var cost = 2
        var i = start + 1
        if i < bytes.count, bytes[i] == UInt8(ascii: "^") { i += 1 }
        if i < bytes.count, bytes[i] == UInt8(ascii: "]") { i += 1 }  // first, it is a member
        while i < bytes.count, bytes[i] != UInt8(ascii: "]") {
            if bytes[i] == UInt8(ascii: "\\"), i + 1 < bytes.count {
                if bytes[i + 1] | 32 == UInt8(ascii: "p") { cost += Self.unicodeClass }
                i += 1
            } else if bytes[i] == UInt8(ascii: "["), i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: ":") {
                // `[:alpha:]`: its bracket does not close the class.
                while i < bytes.count, bytes[i] != UInt8(ascii: "]") { i += 1 }
            }
            i += 1
        }
        atom(cost)
        return i + 1
    }

    /// `{n}`, `{n,}`, `{n,m}`: the larger count, and where it ends; nil for a brace that is itself.
    private static func repetition(_ bytes: [UInt8], at start: Int) -> (Int, Int)? {
        var counts = [0, 0]
        var which = 0
        var i = start + 1
        while i < bytes.count {
            switch bytes[i] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                counts[which] = min(cap, counts[which] * 10 + Int(bytes[i] - UInt8(ascii: "0")))
            case UInt8(ascii: ",") where which == 0: which = 1
            case UInt8(ascii: "}") where i > start + 1: return (max(counts[0], counts[1]), i + 1)
            default: return nil
            }
            i += 1
        }
        return nil
    }
}
