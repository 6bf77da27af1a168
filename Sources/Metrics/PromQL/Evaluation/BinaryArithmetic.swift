import Glibc

/// Operators on two numbers, and on whole columns.
enum BinaryArithmetic {
    /// Arithmetic changes what a metric means: its name goes.
    static func changesMetric(_ operation: BinaryOperator) -> Bool {
        !operation.isComparison && !operation.isSetOperator
    }

    /// Between scalars: comparisons answer 0 or 1.
    static func scalar(_ operation: BinaryOperator, _ a: Double, _ b: Double) -> Double {
        operation.isComparison ? (compare(operation, a, b) ? 1 : 0) : arithmetic(operation, a, b)
    }

    @inline(__always)
    static func arithmetic(_ operation: BinaryOperator, _ a: Double, _ b: Double) -> Double {
        switch operation {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .modulo: fmod(a, b)
        case .power: pow(a, b)
        case .atan2: Glibc.atan2(a, b)
        default: .nan
        }
    }

    @inline(__always)
    static func compare(_ operation: BinaryOperator, _ a: Double, _ b: Double) -> Bool {
        switch operation {
        case .equal: a == b
        case .notEqual: a != b
        case .greater: a > b
        case .less: a < b
        case .greaterOrEqual: a >= b
        case .lessOrEqual: a <= b
        default: false
        }
    }

    /// What an element of a vector becomes.
    ///
    /// - Parameter kept: the value that a comparison lets through.
    /// - Returns: `Absent.value` for what a comparison filters out.
    @inline(__always)
    static func element(
        _ operation: BinaryOperator, _ a: Double, _ b: Double, kept: Double, returnsBool: Bool
    ) -> Double {
        guard operation.isComparison else { return arithmetic(operation, a, b) }
        let holds = compare(operation, a, b)
        if returnsBool { return holds ? 1 : 0 }
        return holds ? kept : Absent.value
    }

    /// `values[i] = values[i] op other[i]`, or with the sides swapped; `values` is the vector's side, whose value
    /// comparisons let through.
    static func apply(
        _ operation: BinaryOperator, to values: inout [Double], with other: [Double], swapped: Bool, returnsBool: Bool
    ) {
        precondition(values.count == other.count)
        values.withUnsafeMutableBufferPointer { values in
            other.withUnsafeBufferPointer { other in
                func each(_ combine: (Double, Double) -> Double) {
                    for i in values.indices where !Absent.is(values[i]) { values[i] = combine(values[i], other[i]) }
                }
                switch (operation, swapped) {
                case (.add, _): each { $0 + $1 }
                case (.multiply, _): each { $0 * $1 }
                case (.subtract, false): each { $0 - $1 }
                case (.divide, false): each { $0 / $1 }
                case (_, false):
                    each { element(operation, $0, $1, kept: $0, returnsBool: returnsBool) }
                case (_, true):
                    each { element(operation, $1, $0, kept: $0, returnsBool: returnsBool) }
                }
            }
        }
    }
}
