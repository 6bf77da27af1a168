public import MetricEngine
public import MetricModel
import StorageEngine

extension Database {
    /// Where the series of the newest segment come from: the `limit` largest of each kind, largest first. Takes time in
    /// proportion to the series.
    /// - Parameters:
    ///   - matchers: only series that satisfy all of one set count; no set: every series.
    ///   - focus: a label whose values are counted by series.
    public func cardinality(
        limit: Int = 10, matching matchers: [[LabelMatcher]] = [], focus: String? = nil
    ) async throws -> Cardinality {
        do {
            return try await store.cardinality(limit: limit, matching: matchers, focus: focus)
        } catch let error as StorageError { throw VarveError(error) }
    }
}
