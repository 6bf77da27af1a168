import Glibc

/// Turns the lengths written in a query into milliseconds: literals, and expressions of literals, `step()` and
/// `range()`.
///
/// Arithmetic is in seconds as `Double`, then cut to whole milliseconds: as Prometheus does
/// (`promql/durations.go`).
struct DurationResolver {
    /// The query's step, 0 for an instant query.
    let step: Int64
    /// End − start of the query.
    let range: Int64

    /// - Parameter allowsNegative: true for an offset; a range or step must be above 0.
    func milliseconds(_ duration: DurationExpression, allowsNegative: Bool) throws(QueryError) -> Int64 {
        let milliseconds: Int64
        if case .literal(let literal) = duration {
            milliseconds = literal
        } else {
            let seconds = try seconds(duration)
            guard seconds.magnitude < 1e15 else { throw Self.invalid("duration is out of range") }
            milliseconds = Int64(seconds * 1_000)
        }
        if milliseconds <= 0 && !allowsNegative { throw Self.invalid("duration must be greater than 0") }
        guard milliseconds.magnitude <= QueryTime.longestDuration else {
            throw Self.invalid("duration is out of range")
        }
        return milliseconds
    }

    /// The text is at fault, as with a syntax error, though it shows only beside the query's step and range.
    private static func invalid(_ reason: String) -> QueryError {
        .badParameter("invalid parameter \"query\": \(reason)")
    }

    private func seconds(_ duration: DurationExpression) throws(QueryError) -> Double {
        switch duration {
        case .literal(let milliseconds): return Double(milliseconds) / 1_000
        case .step: return Double(step) / 1_000
        case .range: return Double(range) / 1_000
        case .negated(let operand): return -(try seconds(operand))
        case .parenthesized(let operand): return try seconds(operand)
        case .minimum(let a, let b): return Go.minimum(try seconds(a), try seconds(b))
        case .maximum(let a, let b): return Go.maximum(try seconds(a), try seconds(b))
        case .binary(let operation, let left, let right):
            let a = try seconds(left)
            let b = try seconds(right)
            switch operation {
            case .add: return a + b
            case .subtract: return a - b
            case .multiply: return a * b
            case .divide:
                if b == 0 { throw Self.invalid("division by zero") }
                return a / b
            case .modulo:
                if b == 0 { throw Self.invalid("modulo by zero") }
                return fmod(a, b)
            case .power: return pow(a, b)
            }
        }
    }
}
