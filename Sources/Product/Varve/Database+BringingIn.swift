import Columnar
public import Ingest
import MetricEngine
import MetricModel
public import Platform
import StorageEngine
import WAL

/// A log that another node's claim has left behind, brought into the database that was taken over.
extension Database {
    /// Whose log lies there: the numbers under which its node claimed. Empty: nobody knows any more.
    /// - Throws: `VarveError`: `.foreign` when there is no log.
    public static func claimants(ofLogAt path: String, environment: Environment = .live) async throws -> [UInt64] {
        try await environment.blocking.run {
            let place = try StoredLogPlace.find(path, in: environment.fileSystem)
            return try LogOwnership.claimants(of: place.log, in: environment.fileSystem)
        }
    }

    /// The number of the record up to which such a log was in objects when it was left behind; nil: it was not left behind by
    /// a claim on this database, and its samples can only come in as new ones.
    public func cut(ofLogOf claimants: [UInt64]) -> UInt64? { store.cut(ofLogOf: claimants)?.rawValue }

    /// Of the label by which a body of such a log tells the ids of its series.
    public static var idLabel: String { MetricStore.idLabel }

    /// Stores samples of such a log under the numbers that its records had: newer than what was there when they were written,
    /// older than all that was written since the takeover. They are in objects when it returns; a repeat changes nothing.
    /// - Parameters:
    ///   - body: remote write 1.0, a snappy block; each series has its id in the log as the label `idLabel`.
    ///   - sequences: numbers of the records that the samples were in. Calls come in their order.
    /// - Throws: as `storeRemoteWrite`; `.refused`, too, when no log with such numbers was left behind.
    public func bringIn(
        _ body: [UInt8], _ sequences: ClosedRange<UInt64>
    ) async throws(IngestError) -> RemoteWriteOutcome {
        let write = try receiver.decode(snappy: body)
        do throws(AppendError) {
            let numbers = SequenceNumber(sequences.lowerBound)...SequenceNumber(sequences.upperBound)
            return RemoteWriteReceiver.outcome(of: write, try await store.bringIn(write.columns, numbers))
        } catch { throw IngestError(error) }
    }
}
