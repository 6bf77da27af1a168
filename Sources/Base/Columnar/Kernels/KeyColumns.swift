/// The key of a batch's rows, comparable row by row.
public struct KeyColumns: Sendable {
    private let columns: [ColumnValues]

    public init(_ batch: RecordBatch) {
        columns = batch.columns.prefix(batch.schema.keyCount).map(\.values)
    }

    /// Both columns when the key is two integers: the case worth a loop of its own.
    public var twoIntegers: (first: [Int64], second: [Int64])? {
        guard columns.count == 2, case .int64(let first) = columns[0], case .int64(let second) = columns[1] else {
            return nil
        }
        return (first, second)
    }

    /// Negative, zero or positive, as row `i` comes before, with or after row `j` of `other`. Doubles by total order of
    /// their value, NaN last; byte strings in byte order.
    public func compare(_ i: Int, with other: KeyColumns, _ j: Int) -> Int {
        for (mine, theirs) in zip(columns, other.columns) {
            let difference: Int
            switch (mine, theirs) {
            case (.int64(let a), .int64(let b)): difference = a[i] < b[j] ? -1 : (a[i] == b[j] ? 0 : 1)
            case (.float64(let a), .float64(let b)):
                difference =
                    a[i].isTotallyOrdered(belowOrEqualTo: b[j])
                    ? (b[j].isTotallyOrdered(belowOrEqualTo: a[i]) ? 0 : -1) : 1
            case (.bytes(let a), .bytes(let b)): difference = a.compare(i, with: b, j)
            case (.bool(let a), .bool(let b)): difference = a[i] == b[j] ? 0 : (b[j] ? -1 : 1)
            default: preconditionFailure("both batches have the table's schema")
            }
            if difference != 0 { return difference }
        }
        return 0
    }
}

extension KeyColumns {
    /// Rows of `range` whose successor in `range` has the same key, ascending. Sorted batches of unique keys have none.
    public func rowsEqualToNext(in range: Range<Int>) -> [Int] {
        guard range.count > 1 else { return [] }
        var found: [Int] = []
        if let (first, second) = twoIntegers {
            for row in range.lowerBound..<range.upperBound - 1
            where second[row] == second[row + 1] && first[row] == first[row + 1] { found.append(row) }
        } else {
            for row in range.lowerBound..<range.upperBound - 1 where compare(row, with: self, row + 1) == 0 {
                found.append(row)
            }
        }
        return found
    }
}
