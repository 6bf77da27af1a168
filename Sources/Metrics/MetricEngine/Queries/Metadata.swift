import Columnar
public import MetricModel
import StorageEngine
import Synchronization

/// Metadata of every metric family, in memory: it is small, and senders repeat it every minute.
final class MetadataCache: Sendable {
    private let families: Mutex<[String: MetricMetadata]>

    init(loading snapshot: Snapshot) async throws(StorageError) {
        families = Mutex(try await Self.load(snapshot))
    }

    /// What the snapshot has, in the place of everything.
    func reload(_ snapshot: Snapshot) async throws(StorageError) {
        let loaded = try await Self.load(snapshot)
        families.withLock { $0 = loaded }
    }

    private static func load(_ snapshot: Snapshot) async throws(StorageError) -> [String: MetricMetadata] {
        var loaded: [String: MetricMetadata] = [:]
        for segment in snapshot.segments(of: MetadataTable.number, overlapping: Int64.min...Int64.max) {
            let scan = snapshot.scan(ScanRequest(table: MetadataTable.number, segment: segment))
            while let batch = try await scan.next() {
                let columns = batch.columns.map(\.byteStrings)
                for row in 0..<batch.rowCount {
                    let texts = columns.map { String(decoding: $0[row], as: UTF8.self) }
                    loaded[texts[0]] = MetricMetadata(family: texts[0], type: texts[1], help: texts[2], unit: texts[3])
                }
            }
        }
        return loaded
    }

    /// What is not known yet, or was said otherwise, the last word on each family; at most `limit` families in all.
    func news(_ metadata: [MetricMetadata], limit: Int) -> [MetricMetadata] {
        families.withLock { families in
            var room = max(limit - families.count, 0)
            var fresh: [String: MetricMetadata] = [:]
            for entry in metadata where !entry.family.isEmpty {
                if fresh[entry.family] == nil, families[entry.family] == nil {
                    guard room > 0 else { continue }
                    room -= 1
                }
                fresh[entry.family] = entry
            }
            return fresh.values.filter { families[$0.family] != $0 }.sorted { $0.family.precedesByBytes($1.family) }
        }
    }

    func insert(_ metadata: [MetricMetadata]) {
        families.withLock { families in for entry in metadata { families[entry.family] = entry } }
    }

    var all: [MetricMetadata] {
        families.withLock { $0.values.sorted { $0.family.precedesByBytes($1.family) } }
    }
    func family(_ name: String) -> MetricMetadata? { families.withLock { $0[name] } }
}

extension MetricStore {
    /// See `SeriesResolver.append`. Texts longer than the limit of label values, and families past the limit, are left out.
    public func append(_ metadata: [MetricMetadata]) async throws(AppendError) {
        let limit = registry.limits.labelValueBytes
        let sane = metadata.filter { entry in
            [entry.family, entry.type, entry.help, entry.unit].allSatisfy { $0.utf8.count <= limit }
        }
        let news = metadataCache.news(sane, limit: registry.limits.metadataFamilies)
        guard !news.isEmpty else { return }
        func column(_ text: KeyPath<MetricMetadata, String>) -> Column {
            .bytes(BytesColumn(news.map { Array($0[keyPath: text].utf8) }))
        }
        let batch = RecordBatch(
            trusted: MetadataTable.schema, [column(\.family), column(\.type), column(\.help), column(\.unit)])
        do throws(StorageError) {
            try await region.write(WriteBatch([TableRows(table: MetadataTable.number, batch: batch)]))
        } catch { throw AppendError(error) }
        metadataCache.insert(news)
    }

    /// Metadata of one family, or of all in byte order of their names.
    public func metadata(of family: String? = nil) -> [MetricMetadata] {
        guard let family else { return metadataCache.all }
        return metadataCache.family(family).map { [$0] } ?? []
    }
}
