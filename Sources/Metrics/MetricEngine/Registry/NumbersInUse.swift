import Columnar
import ManifestLog
import MetricModel
public import StorageEngine

/// The counters of a region of metrics, from the series that its objects hold: for a manifest that is made again.
public enum NumbersInUse {
    /// Above every number that an object has; numbers that only the log has are skipped when it is replayed.
    public static func counters(_ objects: [RegionRebuild.Counted]) async throws -> [String: UInt64] {
        var numbers = SeriesNumbers()
        for counted in objects where counted.object.metadata.table == SeriesTable.number {
            let cursor = try await counted.cursor()
            while let batch = try await cursor.next() {
                for id in batch.columns[1].int64s { numbers.skip(SeriesID(rawValue: id)) }
            }
        }
        // A block is handed out in the dark between two flushes: what may be gone with the log is not given again.
        return [
            SeriesNumbers.metricCounter: numbers.nextMetric + SeriesNumbers.metricBlock,
            SeriesNumbers.seriesCounter: numbers.nextSeries + SeriesNumbers.seriesBlock,
        ]
    }
}
