import MetricModel

/// Numbers the groups of an aggregation in the order they turn up.
///
/// - Labels that are coded are told apart by their codes alone; texts are made once per group.
struct Groups {
    private(set) var keys: [Labels] = []
    private var numbers: [Labels: Int] = [:]
    private var coded: CodedGroups?

    /// - Parameter grouping: the same in every call.
    mutating func index(of labels: Labels, by grouping: LabelGrouping) -> Int {
        guard let label = labels.coded else { return index(of: grouping.key(of: labels)) }
        return index(of: label, by: grouping)
    }

    mutating func index(of label: CodedLabels, by grouping: LabelGrouping) -> Int {
        if coded?.source !== label.source { coded = CodedGroups(label.source, grouping) }
        let node = coded?.node(of: label) ?? 0
        if let known = coded?.group(of: node) { return known }
        let number = index(of: grouping.key(of: Labels(label)))
        coded?.setGroup(number, of: node)
        return number
    }

    /// The group without labels, where there is no other.
    mutating func only() -> Int {
        if keys.isEmpty { keys.append(.empty) }
        return 0
    }

    /// - Parameter key: the group's labels themselves.
    mutating func index(of key: Labels) -> Int {
        if let number = numbers[key] { return number }
        numbers[key] = keys.count
        keys.append(key)
        return keys.count - 1
    }
}

/// The groups of one source: a tree of codes.
///
/// - A path from the top says which of the grouping's labels a series has, then the code of each: two series with one path
///   are in one group. Two paths may lead to one group only where another source had it first.
private struct CodedGroups {
    let source: any LabelSource
    private let grouping: LabelGrouping
    /// Where series of a shape start, and which of its labels count.
    private struct Start {
        let node: UInt32
        let positions: [Int]
    }
    private var starts: [UInt64: Start] = [:]
    private var startOfNames: [[String]: UInt32] = [:]
    private var lastKey = UInt64.max
    private var last = Start(node: 0, positions: [])
    private var edges = NumberTable()
    private var groups: [Int32] = []

    init(_ source: any LabelSource, _ grouping: LabelGrouping) {
        self.source = source
        self.grouping = grouping
    }

    mutating func node(of label: CodedLabels) -> UInt32 {
        let key = UInt64(source.shape(of: label.ordinal)) << 1 | (label.isNameless ? 1 : 0)
        if key != lastKey {
            last = start(label, key)
            lastKey = key
        }
        var node = last.node
        for position in last.positions {
            let code = source.code(of: label.ordinal, at: position)
            let (next, isNew) = edges.number(of: UInt64(node) << 32 | UInt64(code), orNew: UInt32(groups.count))
            if isNew { groups.append(-1) }
            node = next
        }
        return node
    }

    /// nil until it was set.
    func group(of node: UInt32) -> Int? { groups[Int(node)] < 0 ? nil : Int(groups[Int(node)]) }
    mutating func setGroup(_ number: Int, of node: UInt32) { groups[Int(node)] = Int32(truncatingIfNeeded: number) }

    private mutating func newNode() -> UInt32 {
        groups.append(-1)
        return UInt32(groups.count - 1)
    }

    private mutating func start(_ label: CodedLabels, _ key: UInt64) -> Start {
        if let known = starts[key] { return known }
        let names = source.names(ofShape: UInt32(truncatingIfNeeded: key >> 1))
        let positions = names.indices.filter { position in
            if label.isNameless, MetadataLabels.names.contains(where: { $0.hasSameBytes(as: names[position]) }) {
                return false
            }
            return grouping.keeps(names[position])
        }
        // A hash of strings takes two spellings of one character for one: bytes do not.
        let kept = positions.map { String(describing: Array(names[$0].utf8)) }
        let node = startOfNames[kept] ?? newNode()
        startOfNames[kept] = node
        let start = Start(node: node, positions: positions)
        starts[key] = start
        return start
    }
}

/// Numbers by keys: open addressing, at most half full.
private struct NumberTable {
    /// 0 is empty: keys are kept plus one, the highest is never asked for.
    private var keys = [UInt64](repeating: 0, count: 64)
    private var numbers = [UInt32](repeating: 0, count: 64)
    private var count = 0

    @inline(__always)
    mutating func number(of key: UInt64, orNew new: UInt32) -> (number: UInt32, isNew: Bool) {
        let wanted = key &+ 1
        let mask = keys.count &- 1
        var at = Self.place(wanted, mask)
        while keys[at] != 0 {
            if keys[at] == wanted { return (numbers[at], false) }
            at = (at &+ 1) & mask
        }
        keys[at] = wanted
        numbers[at] = new
        count += 1
        if count * 2 > keys.count { grow() }
        return (new, true)
    }

    private static func place(_ key: UInt64, _ mask: Int) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 32) & mask
    }

    private mutating func grow() {
        let (oldKeys, oldNumbers) = (keys, numbers)
        keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
        numbers = [UInt32](repeating: 0, count: oldKeys.count * 2)
        let mask = keys.count - 1
        for (key, number) in zip(oldKeys, oldNumbers) where key != 0 {
            var at = Self.place(key, mask)
            while keys[at] != 0 { at = (at + 1) & mask }
            keys[at] = key
            numbers[at] = number
        }
    }
}
