import Encodings

/// The shape of a column with one level of repetition (a list, or a leaf of a map): row r holds the elements
/// `offsets[r] ..< offsets[r + 1]`, each of which may be null.
///
/// The values themselves are those of the elements that are there, in order.
public struct ParquetLists: Sendable, Hashable {
    /// One more than there are rows; starts at 0, never falls.
    public var offsets: [Int] = [0]
    /// One flag per row, false where the list itself is null (it has no elements then); nil: none is.
    public var validity: [Bool]?
    /// One flag per element; nil: all are there.
    public var elementValidity: [Bool]?

    public init(offsets: [Int] = [0], validity: [Bool]? = nil, elementValidity: [Bool]? = nil) {
        self.offsets = offsets
        self.validity = validity
        self.elementValidity = elementValidity
    }

    public var rowCount: Int { offsets.count - 1 }
    public var elementCount: Int { offsets[offsets.count - 1] }
}

extension ColumnPages {
    /// Where the rows' elements begin and end, from the levels of all pages.
    ///
    /// - Throws: `.damaged` where levels contradict each other or the row counts, `.misuse` where the column holds one
    ///   value a row, `.unsupported` where lists nest.
    public func lists() throws(ParquetError) -> ParquetLists {
        guard leaf.maximumRepetition > 0 else { throw misuse("it holds one value a row, not lists") }
        guard leaf.maximumRepetition == 1 else { throw unsupported("lists in lists") }
        var reading = ListReading(leaf)
        var rows = 0
        for page in pages {
            try reading.add(page)
            rows += page.rowCount
        }
        guard reading.starts.count == rows else {
            throw damaged("its levels say \(reading.starts.count) rows, its pages \(rows)")
        }
        return reading.finish()
    }

    func misuse(_ problem: String) -> ParquetError {
        ParquetError(.misuse, file: file, column: leaf.name, problem)
    }
    func unsupported(_ problem: String) -> ParquetError {
        ParquetError(.unsupported, file: file, column: leaf.name, problem)
    }
}

/// Levels on their way into lists: two lists of runs walked at once.
private struct ListReading {
    private let present: UInt32
    private let repeated: UInt32
    private(set) var starts: [Int] = []
    private var validity: [Bool] = []
    private var elementValidity: [Bool] = []
    private var hasNullList = false
    private var hasNullElement = false

    init(_ leaf: ParquetLeaf) {
        present = UInt32(clamping: leaf.maximumDefinition)
        repeated = UInt32(clamping: leaf.repeatedDefinition)
    }

    mutating func add(_ page: ParquetPage) throws(ParquetError) {
        let repetition = try page.repetitionRuns()
        let definition = try page.definitionRuns()
        var there = 0
        var next = 0
        var used = 0  // of definition[next]
        for run in repetition {
            var left = run.count
            while left > 0, next < definition.count {
                let level = definition[next].value
                let count = min(left, definition[next].count - used)
                guard run.value == 0 || (level >= repeated && !starts.isEmpty) else {
                    throw page.place.damaged("its levels are those of no list")
                }
                if level == present { there += count }
                add(level, count, startsRows: run.value == 0)
                left -= count
                used += count
                if used == definition[next].count {
                    next += 1
                    used = 0
                }
            }
        }
        guard there == page.presentCount else {
            throw page.place.damaged("\(there) values are there by their levels, \(page.presentCount) by the header")
        }
    }

    private mutating func add(_ level: UInt32, _ count: Int, startsRows: Bool) {
        let isElement = level >= repeated
        let isNullList = level &+ 1 < repeated
        if startsRows {
            for i in 0..<count { starts.append(elementValidity.count + (isElement ? i : 0)) }
            validity.append(contentsOf: repeatElement(!isNullList, count: count))
            hasNullList = hasNullList || isNullList
        }
        if isElement {
            elementValidity.append(contentsOf: repeatElement(level == present, count: count))
            hasNullElement = hasNullElement || level != present
        }
    }

    func finish() -> ParquetLists {
        ParquetLists(
            offsets: starts + [elementValidity.count], validity: hasNullList ? validity : nil,
            elementValidity: hasNullElement ? elementValidity : nil)
    }
}

extension ParquetLists {
    struct Levels {
        var repetition: [UInt8] = []
        var definition: [UInt8] = []
        /// Elements, and rows without any.
        var values = 0
        var nulls = 0
    }

    /// Levels of the rows `rows` of a column of ours.
    ///
    /// - Parameter elements: the range of elements that these rows hold.
    func levels(_ rows: Range<Int>, of leaf: ParquetLeaf) -> Levels {
        let present = UInt32(clamping: leaf.maximumDefinition)
        let repeated = UInt32(clamping: leaf.repeatedDefinition)
        var repetition: [UInt32] = []
        var definition: [UInt32] = []
        var levels = Levels()
        for row in rows {
            let elements = offsets[row]..<offsets[row + 1]
            if elements.isEmpty {
                let isNull = validity.map { !$0[row] } ?? false
                precondition(!isNull || repeated > 1, "a list that is null, though the column is required")
                repetition.append(0)
                definition.append(repeated - (isNull ? 2 : 1))
                levels.nulls += 1
            }
            for element in elements {
                let isNull = elementValidity.map { !$0[element] } ?? false
                repetition.append(element == elements.lowerBound ? 0 : 1)
                definition.append(isNull ? repeated : present)
                levels.nulls += isNull ? 1 : 0
            }
        }
        levels.values = repetition.count
        RunLengthHybrid.encode(repetition, width: 1, into: &levels.repetition)
        RunLengthHybrid.encode(
            definition, width: RunLengthHybrid.width(forLargest: present), into: &levels.definition)
        return levels
    }
}
