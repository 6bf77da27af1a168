import Glibc
import PromQL

/// Binary operators, step by step: `VectorBinop`, `VectorscalarBinop`, `VectorAnd` and so on.
extension ReferenceEvaluator {
    func binary(_ binary: BinaryExpression, _ times: [Int64]) throws -> [Series] {
        let sides = [binary.left, binary.right]
        switch (isScalar(binary.left), isScalar(binary.right)) {
        case (true, true):
            return try eachStep(sides, times) { vectors, _ in
                let (a, b) = (vectors[0][0].value, vectors[1][0].value)
                let value = element(binary.operation, a, b)
                return [Sample(labels: [:], value: binary.operation.isComparison ? (value.keep ? 1 : 0) : value.value)]
            }
        case (false, false):
            guard let matching = binary.matching else { throw Failure("no matching") }
            return try eachStep(sides, times) { vectors, _ in
                try matched(binary, matching, vectors[0], vectors[1])
            }
        case (let isSwapped, _):
            return try eachStep(sides, times) { vectors, _ in
                let samples = vectors[isSwapped ? 1 : 0]
                let scalar = vectors[isSwapped ? 0 : 1][0].value
                return samples.compactMap { sample in
                    let (a, b) = isSwapped ? (scalar, sample.value) : (sample.value, scalar)
                    if binary.operation.isTrim { return nil }
                    var (value, keep) = element(binary.operation, a, b)
                    if binary.operation.isComparison { value = sample.value }
                    if binary.returnsBool {
                        value = keep ? 1 : 0
                        keep = true
                    }
                    guard keep else { return nil }
                    if changesSchema(binary.operation) || binary.returnsBool { return nameless(sample, value) }
                    return Sample(labels: sample.labels, dropsName: sample.dropsName, value: value)
                }
            }
        }
    }

    func isScalar(_ expression: Expression) -> Bool {
        switch expression {
        case .number: true
        case .parenthesized(let inner, _): isScalar(inner)
        case .unary(let unary): isScalar(unary.operand)
        case .binary(let binary): isScalar(binary.left) && isScalar(binary.right)
        case .call(let call): FunctionSignature.table[call.name]?.result == .scalar
        default: false
        }
    }

    private func changesSchema(_ operation: BinaryOperator) -> Bool {
        [.add, .subtract, .multiply, .divide, .power, .modulo, .atan2].contains(operation)
    }

    private func element(_ operation: BinaryOperator, _ a: Double, _ b: Double) -> (value: Double, keep: Bool) {
        switch operation {
        case .add: (a + b, true)
        case .subtract: (a - b, true)
        case .multiply: (a * b, true)
        case .divide: (a / b, true)
        case .modulo: (fmod(a, b), true)
        case .power: (pow(a, b), true)
        case .atan2: (Glibc.atan2(a, b), true)
        case .equal: (a, a == b)
        case .notEqual: (a, a != b)
        case .greater: (a, a > b)
        case .less: (a, a < b)
        case .greaterOrEqual: (a, a >= b)
        case .lessOrEqual: (a, a <= b)
        default: (.nan, false)
        }
    }

    /// What two samples must share, and `MatchLabels`.
    private func signature(_ labels: LabelMap, _ matching: VectorMatching) -> LabelMap {
        matching.isOn
            ? labels.filter { matching.labels.contains($0.key) }
            : labels.filter { !matching.labels.contains($0.key) && $0.key != "__name__" }
    }

    private func matched(
        _ binary: BinaryExpression, _ matching: VectorMatching, _ left: [Sample], _ right: [Sample]
    ) throws -> [Sample] {
        let leftSignatures = Set(left.map { signature($0.labels, matching) })
        let rightSignatures = Set(right.map { signature($0.labels, matching) })
        switch binary.operation {
        case .and: return left.filter { rightSignatures.contains(signature($0.labels, matching)) }
        case .unless: return left.filter { !rightSignatures.contains(signature($0.labels, matching)) }
        case .or: return left + right.filter { !leftSignatures.contains(signature($0.labels, matching)) }
        default: return try paired(binary, matching, left, right)
        }
    }

    private func paired(
        _ binary: BinaryExpression, _ matching: VectorMatching, _ left: [Sample], _ right: [Sample]
    ) throws -> [Sample] {
        if left.isEmpty && right.isEmpty { return [] }
        if (left.isEmpty || right.isEmpty) && matching.fillLeft == nil && matching.fillRight == nil { return [] }
        let isSwapped = matching.cardinality == .oneToMany
        let (many, one) = isSwapped ? (right, left) : (left, right)
        // With group_right Prometheus swaps the sides, not the fills.
        let fillOne = matching.fillRight
        let fillMany = matching.fillLeft

        var oneBySignature: [LabelMap: Sample] = [:]
        for sample in one {
            let key = signature(sample.labels, matching)
            if oneBySignature[key] != nil { throw Failure("found duplicate series for the match group") }
            oneBySignature[key] = sample
        }
        var made: [LabelMap: Set<LabelMap>] = [:]
        var results: [Sample] = []
        func pair(_ m: Sample, _ o: Sample, _ key: LabelMap) throws {
            if binary.operation.isTrim { return }
            let (a, b) = isSwapped ? (o.value, m.value) : (m.value, o.value)
            var (value, keep) = element(binary.operation, a, b)
            if binary.returnsBool { value = keep ? 1 : 0 }
            var labels = resultLabels(binary.operation, matching, m.labels, o.labels)
            if binary.returnsBool && !delayedNameRemoval { labels = withoutName(labels) }
            if matching.cardinality == .oneToOne {
                if made[key] != nil { throw Failure("multiple matches for labels: many-to-one must be explicit") }
                made[key] = []
            } else if !made[key, default: []].insert(labels).inserted {
                throw Failure("multiple matches for labels: grouping labels must ensure unique matches")
            }
            if binary.returnsBool { keep = true }
            if !keep { return }
            results.append(Sample(labels: labels, dropsName: m.dropsName || binary.returnsBool, value: value))
        }
        for sample in many {
            let key = signature(sample.labels, matching)
            if let other = oneBySignature[key] {
                try pair(sample, other, key)
            } else if let fillOne {
                try pair(sample, Sample(labels: key, value: fillOne), key)
            }
        }
        guard let fillMany else { return results }
        for sample in one {
            let key = signature(sample.labels, matching)
            if made[key] == nil { try pair(Sample(labels: key, value: fillMany), sample, key) }
        }
        return results
    }

    private func resultLabels(
        _ operation: BinaryOperator, _ matching: VectorMatching, _ many: LabelMap, _ one: LabelMap
    ) -> LabelMap {
        var labels = changesSchema(operation) ? withoutName(many) : many
        if matching.cardinality == .oneToOne {
            labels = labels.filter { matching.labels.contains($0.key) == matching.isOn }
        }
        for name in matching.include { labels[name] = one[name] }
        return labels
    }
}
