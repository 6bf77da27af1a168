/// The φ-quantile of plain values.
enum Quantile {
    /// Linear between the two neighbours; sorts the values, NaN first.
    ///
    /// - Returns: NaN of nothing or for φ = NaN, −Inf below 0, +Inf above 1.
    static func of(_ values: inout [Double], _ quantile: Double) -> Double {
        if values.isEmpty || quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        values.sort { $0.isNaN ? !$1.isNaN : $0 < $1 }
        let n = Double(values.count)
        let rank = quantile * (n - 1)
        let floor = rank.rounded(.down)
        let lower = max(0, floor)
        let upper = min(n - 1, lower + 1)
        let weight = rank - floor
        return values[Int(lower)] * (1 - weight) + values[Int(upper)] * weight
    }
}
