import Columnar
import MetricModel

/// Label sets taken apart into the index's codes, one behind the other: a walk over the bytes serves the look and the
/// insert.
struct LabelSetCodes: Sendable {
    /// What the index does not have yet.
    static let unknown = UInt32.max

    /// One of the label sets.
    struct Entry: Sendable {
        var metric: UInt32
        var labels: Range<Int>
        /// Whether all its parts are.
        var isKnown = false
        /// Where it is if it is there; nil: a part of it is unknown, so it is not.
        var place: Place?

        struct Place: Sendable {
            let shape: UInt32
            let hash: UInt32
        }
    }

    var names: [UInt32] = []
    var values: [UInt32] = []

    func names(of entry: Entry) -> ArraySlice<UInt32> { names[entry.labels] }
    func values(of entry: Entry) -> ArraySlice<UInt32> { values[entry.labels] }
}

/// Takes label sets apart into an index's codes as far as a view of it has them, outside any lock: a code that was handed
/// out stays.
///
/// - Label sets that come together mostly carry the same names and many of the same values: those of the set before are
///   compared before a text is hashed.
struct LabelSetReader {
    private let index: LabelIndexView
    private var metric = LabelSetCodes.unknown
    /// By place in the set before.
    private var names: [UInt32] = []
    /// By code of the name.
    private var values: [UInt32]

    init(_ index: LabelIndexView) {
        self.index = index
        values = Array(repeating: LabelSetCodes.unknown, count: index.values.count)
    }

    /// The codes go behind what `codes` holds.
    /// - Parameters:
    ///   - labels: canonical (`LabelEncoding`).
    ///   - note: given where each label's name and value lie in `labels`.
    mutating func takeApart(
        metric: UnsafeRawBufferPointer, labels: UnsafeRawBufferPointer, _ codes: inout LabelSetCodes,
        _ note: (Range<Int>, Range<Int>) -> Void
    ) -> LabelSetCodes.Entry {
        let start = codes.names.count
        var isKnown = true
        var cursor = LabelCursor(labels)
        while let (name, value) = cursor.next() {
            note(name, value)
            let nameCode = code(
                ofName: UnsafeRawBufferPointer(rebasing: labels[name]), at: codes.names.count - start)
            let valueCode = code(ofValue: UnsafeRawBufferPointer(rebasing: labels[value]), nameCode)
            isKnown = isKnown && valueCode != LabelSetCodes.unknown
            codes.names.append(nameCode)
            codes.values.append(valueCode)
        }
        if !index.metrics.has(self.metric, metric) {
            self.metric = index.metrics.code(of: metric) ?? LabelSetCodes.unknown
        }
        isKnown = isKnown && self.metric != LabelSetCodes.unknown
        return LabelSetCodes.Entry(metric: self.metric, labels: start..<codes.names.count, isKnown: isKnown)
    }

    private mutating func code(ofName text: UnsafeRawBufferPointer, at place: Int) -> UInt32 {
        if place < names.count, index.names.has(names[place], text) { return names[place] }
        let code = index.names.code(of: text) ?? LabelSetCodes.unknown
        if place < names.count { names[place] = code } else if place == names.count { names.append(code) }
        return code
    }

    private mutating func code(ofValue text: UnsafeRawBufferPointer, _ name: UInt32) -> UInt32 {
        guard name != LabelSetCodes.unknown else { return LabelSetCodes.unknown }
        let name = Int(name)
        if index.values[name].has(values[name], text) { return values[name] }
        guard let code = index.values[name].code(of: text) else { return LabelSetCodes.unknown }
        values[name] = code
        return code
    }
}

/// Label columns of many rows, as codes of the index.
///
/// - Made in one pass per column: a value is looked up once for each dictionary that has it.
struct LabelMatrix {
    /// The index's codes of the columns' names, which ascend by their bytes.
    private(set) var names: [UInt32] = []
    /// Column by column, `rows` of each; `absent` where a row has no such label.
    private(set) var values: [UInt32] = []
    let rows: Int

    static let absent = UInt32.max

    init(rows: Int) { self.rows = rows }

    mutating func append(name: UInt32, _ codes: [UInt32]) {
        precondition(codes.count == rows)
        names.append(name)
        values.append(contentsOf: codes)
    }
}
