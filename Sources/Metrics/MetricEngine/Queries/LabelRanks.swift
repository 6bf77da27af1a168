import MetricModel

/// Many series in the order of their labels, without comparing their texts pair by pair.
///
/// 1. At each place in the order of a series' labels, the (name, value) pairs that occur there are ranked: names by their
///    bytes, values of a name by theirs, each text once. The end of a series ranks before everything.
/// 2. A series is then a row of small numbers, packed into two words, which are compared.
/// 3. Only what does not fit into two words is compared by its texts.
enum LabelRanks {
    /// Below, comparing texts is as fast.
    private static let worthwhile = 64

    static func sort(_ ordinals: inout [UInt32], in view: LabelIndexView) {
        guard ordinals.count >= worthwhile else {
            ordinals.sort { view.precedes($0, $1) }
            return
        }
        var keys = ordinals.map { PackedLabels(ordinal: $0) }
        var room = 128
        var place = 0
        var isExact = true
        while true {
            guard let ranks = PlaceRanks(place, ordinals, view) else { break }
            guard ranks.bits <= room else {
                isExact = false
                break
            }
            room -= ranks.bits
            for i in keys.indices { keys[i].append(ranks.rank(of: keys[i].ordinal, view), bits: ranks.bits) }
            place += 1
        }
        if isExact {
            keys.sort { ($0.high, $0.low) < ($1.high, $1.low) }
        } else {
            keys.sort { a, b in
                if (a.high, a.low) != (b.high, b.low) { return (a.high, a.low) < (b.high, b.low) }
                return view.precedes(a.ordinal, b.ordinal)
            }
        }
        for i in keys.indices { ordinals[i] = keys[i].ordinal }
    }
}

/// The ranks of a series, first place in the highest bits.
private struct PackedLabels {
    var high: UInt64 = 0
    var low: UInt64 = 0
    let ordinal: UInt32

    init(ordinal: UInt32) { self.ordinal = ordinal }

    @inline(__always)
    mutating func append(_ rank: UInt32, bits: Int) {
        guard bits > 0 else { return }
        high = high << UInt64(bits) | low >> UInt64(64 - bits)
        low = low << UInt64(bits) | UInt64(rank)
    }
}

/// The ranks of the pairs that stand at one place of the chosen series.
private struct PlaceRanks {
    private let place: Int
    /// Where a series of each shape has its code: −1 for the metric, −2 for nothing; and its name's ranks.
    private struct Shape {
        var codeAt = -2
        var name = 0
    }
    private var shapes: [UInt32: Shape] = [:]
    private var onlyShape: (number: UInt32, shape: Shape)?
    /// By name: rank of each code that occurs.
    private var ranks: [[UInt32]] = []
    private(set) var bits = 0

    /// nil: all series have ended before.
    init?(_ place: Int, _ ordinals: [UInt32], _ view: LabelIndexView) {
        self.place = place
        // Names that stand here, by their code; the metric's name is `metricName`.
        var slotOfName: [UInt32: Int] = [:]
        var names: [UInt32] = []
        var codes: [DistinctCodes] = []
        var last = UInt32.max
        var shape = Shape()
        for ordinal in ordinals {
            let number = view.shapeOf[Int(ordinal)]
            if number != last {
                last = number
                if let known = shapes[number] {
                    shape = known
                } else {
                    shape = Shape()
                    if let (name, codeAt) = Self.label(at: place, ofShape: number, view) {
                        let slot = slotOfName[name] ?? names.count
                        if slot == names.count {
                            slotOfName[name] = slot
                            names.append(name)
                            codes.append(DistinctCodes(Self.symbols(name, view).count))
                        }
                        shape = Shape(codeAt: codeAt, name: slot)
                    }
                    shapes[number] = shape
                }
            }
            if shape.codeAt > -2 { codes[shape.name].insert(Self.code(ordinal, shape.codeAt, view)) }
        }
        guard !names.isEmpty else { return nil }
        if shapes.count == 1, let only = shapes.first { onlyShape = (only.key, only.value) }
        ranks = [[UInt32]](repeating: [], count: names.count)
        let inOrder = names.indices.sorted { a, b in
            ByteOrder.compare(Self.text(names[a], view), Self.text(names[b], view)) < 0
        }
        var next: UInt32 = shapes.values.contains { $0.codeAt == -2 } ? 1 : 0
        for slot in inOrder { ranks[slot] = codes[slot].ranks(Self.symbols(names[slot], view), from: &next) }
        bits = next <= 1 ? 0 : 32 - (next - 1).leadingZeroBitCount
    }

    @inline(__always)
    func rank(of ordinal: UInt32, _ view: LabelIndexView) -> UInt32 {
        let number = view.shapeOf[Int(ordinal)]
        let shape = onlyShape.map { $0.shape } ?? shapes[number] ?? Shape()
        guard shape.codeAt > -2 else { return 0 }
        return ranks[shape.name][Int(Self.code(ordinal, shape.codeAt, view))]
    }

    private static let metricName = UInt32.max

    @inline(__always)
    private static func code(_ ordinal: UInt32, _ codeAt: Int, _ view: LabelIndexView) -> UInt32 {
        codeAt == -1 ? view.metricOf[Int(ordinal)] : view.codes[view.firstCode(of: ordinal) + codeAt]
    }

    private static func symbols(_ name: UInt32, _ view: LabelIndexView) -> SymbolView {
        name == metricName ? view.metrics : view.values[Int(name)]
    }

    private static func text(_ name: UInt32, _ view: LabelIndexView) -> UnsafeRawBufferPointer {
        name == metricName ? LabelIndexView.textOfMetricName : view.names.text(name)
    }

    /// The label at a place of a shape, `__name__` counted, and where its code stands.
    private static func label(
        at place: Int, ofShape shape: UInt32, _ view: LabelIndexView
    ) -> (name: UInt32, codeAt: Int)? {
        let names = view.names(ofShape: shape)
        let metricAt =
            names.firstIndex { ByteOrder.compare(view.names.text($0), LabelIndexView.textOfMetricName) > 0 }
            ?? names.count
        if place == metricAt { return (metricName, -1) }
        let codeAt = place - (place > metricAt ? 1 : 0)
        return codeAt < names.count ? (names[codeAt], codeAt) : nil
    }
}

/// Codes of one dictionary that occur.
private struct DistinctCodes {
    private var isThere: [Bool]
    private var codes: [UInt32] = []

    init(_ count: Int) { isThere = [Bool](repeating: false, count: count) }

    @inline(__always)
    mutating func insert(_ code: UInt32) {
        guard !isThere[Int(code)] else { return }
        isThere[Int(code)] = true
        codes.append(code)
    }

    /// Ranks by code, from `next` on; of codes that do not occur they mean nothing.
    func ranks(_ symbols: SymbolView, from next: inout UInt32) -> [UInt32] {
        var ranks = [UInt32](repeating: 0, count: isThere.count)
        for code in symbols.sorted(codes) {
            ranks[Int(code)] = next
            next += 1
        }
        return ranks
    }
}
