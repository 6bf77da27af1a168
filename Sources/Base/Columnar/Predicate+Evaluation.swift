// A predicate against rows, and against the bounds of a page or a file.

extension Predicate {
    /// True, false, or neither because of a null: three truths as SQL has them.
    private enum Truth { case yes, no, unknown }

    /// The rows for which it is true, ascending.
    /// - Parameter column: by index in the table's schema, of `rows` values.
    public func matchingRows(_ rows: Int, _ column: (Int) -> Column) -> [Int] {
        let truths = evaluate(rows, column)
        return truths.indices.filter { truths[$0] == .yes }
    }

    private func evaluate(_ rows: Int, _ column: (Int) -> Column) -> [Truth] {
        switch self {
        case .compare(let index, let comparison, let value):
            return Self.compare(column(index), comparison, value)
        case .isNull(let index):
            guard let validity = column(index).validity else { return [Truth](repeating: .no, count: rows) }
            return validity.map { $0 ? .no : .yes }
        case .all(let parts):
            var result = [Truth](repeating: .yes, count: rows)
            for part in parts {
                for (row, truth) in part.evaluate(rows, column).enumerated() where result[row] != .no {
                    if truth != .yes { result[row] = truth }
                }
            }
            return result
        case .any(let parts):
            var result = [Truth](repeating: .no, count: rows)
            for part in parts {
                for (row, truth) in part.evaluate(rows, column).enumerated() where result[row] != .yes {
                    if truth != .no { result[row] = truth }
                }
            }
            return result
        case .not(let part):
            return part.evaluate(rows, column).map { $0 == .yes ? .no : ($0 == .no ? .yes : .unknown) }
        }
    }

    private static func compare(_ column: Column, _ comparison: Comparison, _ value: Value) -> [Truth] {
        let isTrue: [Bool]
        switch (column.values, value) {
        case (.int64(let values), .int64(let other)): isTrue = compare(values, comparison, other)
        case (.float64(let values), .float64(let other)): isTrue = compare(values, comparison, other)
        case (.bool(let values), .bool(let other)):
            isTrue = compare(values.map { $0 ? 1 : 0 }, comparison, other ? 1 : 0)
        case (.bytes(let values), .bytes(let other)):
            let wanted = BytesColumn([other])
            isTrue = compare((0..<values.count).map { values.compare($0, with: wanted, 0) }, comparison, 0)
        default: preconditionFailure("the predicate was checked against the schema")
        }
        guard let validity = column.validity else { return isTrue.map { $0 ? .yes : .no } }
        return zip(isTrue, validity).map { $1 ? ($0 ? .yes : .no) : .unknown }
    }

    private static func compare<T: Comparable>(_ values: [T], _ comparison: Comparison, _ other: T) -> [Bool] {
        switch comparison {
        case .equal: values.map { $0 == other }
        case .notEqual: values.map { $0 != other }
        case .less: values.map { $0 < other }
        case .lessOrEqual: values.map { $0 <= other }
        case .greater: values.map { $0 > other }
        case .greaterOrEqual: values.map { $0 >= other }
        }
    }

    /// Whether rows within these bounds can fulfil it; true where that is not known.
    /// - Parameter bounds: least and greatest value of a column, NaN and nulls aside; nil: not known.
    public func mayMatch(_ bounds: (Int) -> ClosedBounds?) -> Bool {
        switch self {
        case .compare(let column, let comparison, let value):
            guard let bounds = bounds(column) else { return true }
            return bounds.mayHold(comparison, value)
        case .all(let parts): return parts.allSatisfy { $0.mayMatch(bounds) }
        case .any(let parts): return parts.contains { $0.mayMatch(bounds) }
        case .isNull, .not: return true
        }
    }
}

/// Least and greatest value of a stretch of rows; no value lies outside, but the bounds themselves need not exist.
public struct ClosedBounds: Sendable, Equatable {
    public let least: Value
    public let greatest: Value
    public init(_ least: Value, _ greatest: Value) {
        self.least = least
        self.greatest = greatest
    }

    func mayHold(_ comparison: Predicate.Comparison, _ value: Value) -> Bool {
        switch (least, greatest, value) {
        case (.int64(let low), .int64(let high), .int64(let other)): Self.mayHold(low, high, comparison, other)
        case (.float64(let low), .float64(let high), .float64(let other)): Self.mayHold(low, high, comparison, other)
        case (.bytes(let low), .bytes(let high), .bytes(let other)):
            Self.mayHold(ByteOrder(low), ByteOrder(high), comparison, ByteOrder(other))
        default: true
        }
    }

    private static func mayHold<T: Comparable>(_ low: T, _ high: T, _ comparison: Predicate.Comparison, _ other: T)
        -> Bool
    {
        switch comparison {
        case .equal: low <= other && other <= high
        // A NaN may be among them.
        case .notEqual: true
        case .less: low < other
        case .lessOrEqual: low <= other
        case .greater: high > other
        case .greaterOrEqual: high >= other
        }
    }
}

/// Bytes in byte order.
private struct ByteOrder: Comparable {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    static func < (a: Self, b: Self) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}
