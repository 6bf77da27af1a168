public import MetricEngine
import Platform

extension Database {
    /// Where the series of the newest segment come from: the `limit` largest of each kind, largest first. Takes time in
    /// proportion to the series.
    public func cardinality(limit: Int = 10) async throws -> Cardinality {
        try await environment.blocking.run { [store] in store.cardinality(limit: limit) }
    }
}
