import Columnar

/// Label sets taken apart into the index's codes, one behind the other: a walk over the bytes serves the look and the
/// insert.
struct LabelSetCodes: Sendable {
    /// What the index does not have yet.
    static let unknown = UInt32.max

    /// One of the label sets.
    struct Entry: Sendable {
        var metric: UInt32
        var labels: Range<Int>
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
