public import ManifestLog
public import ObjectStorage
import Parquet
import Platform

/// An object that the manifest names, and where it lies.
public struct LiveObject: Sendable {
    public let key: ObjectKey
    public let table: String
    public let metadata: SSTMetadata
}

/// Everything that a region's manifest names, read and checked. Changes nothing, needs no claim.
public struct ObjectCheck: Sendable {
    public private(set) var objects = 0
    public private(set) var bytes: UInt64 = 0
    public private(set) var rows: UInt64 = 0
    public private(set) var problems: [String] = []
    /// Objects that no manifest names.
    public private(set) var unnamed: [String] = []

    /// The live objects of the newest manifest, in order of table, segment and id. None: the region is new.
    public static func liveObjects(
        store: any ObjectStore, tables: [TableDefinition], region: String
    ) async throws(StorageError) -> [LiveObject] {
        let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
        let manifest: Manifest?
        do throws(ManifestError) {
            manifest = try await ManifestReader.load(store: manifestStore)
        } catch { throw StorageError(error) }
        var found: [LiveObject] = []
        for metadata in (manifest?.live ?? [:]).values {
            guard let table = tables.first(where: { $0.number == metadata.table }) else {
                throw StorageError(
                    .foreign, "the manifest names table number \(metadata.table), unknown to this version")
            }
            let key = ObjectPaths.sst(metadata.id, table: table.name, region: region, segment: metadata.segment)
            found.append(LiveObject(key: key, table: table.name, metadata: metadata))
        }
        return found.sorted {
            ($0.metadata.table, $0.metadata.segment.lowerBound, $0.metadata.id)
                < ($1.metadata.table, $1.metadata.segment.lowerBound, $1.metadata.id)
        }
    }

    /// - Parameter progress: told how many of how many objects are done.
    public static func run(
        store: any ObjectStore, tables: [TableDefinition], region: String, progress: @Sendable (Int, Int) -> Void
    ) async throws(StorageError) -> ObjectCheck {
        var check = ObjectCheck()
        let live = try await liveObjects(store: store, tables: tables, region: region)
        for (i, object) in live.enumerated() {
            await check.examine(object, store, tables)
            progress(i + 1, live.count)
        }
        let named = Set(live.map(\.key))
        do throws(ObjectStoreError) {
            for table in tables {
                for object in try await store.listAll(under: ObjectPaths.tablePrefix(table.name, region: region))
                where !named.contains(object.key) { check.unnamed.append(object.key.path) }
            }
        } catch { throw StorageError(error) }
        return check
    }

    private mutating func examine(_ object: LiveObject, _ store: any ObjectStore, _ tables: [TableDefinition]) async {
        objects += 1
        let metadata = object.metadata
        let content: Bytes
        do throws(ObjectStoreError) { content = try await store.get(object.key).bytes } catch {
            problems.append("object \(object.key) cannot be read: \(error)")
            return
        }
        bytes += UInt64(content.count)
        guard UInt64(content.count) == metadata.size else {
            problems.append("object \(object.key) has \(content.count) bytes, the manifest says \(metadata.size)")
            return
        }
        guard CRC32C.checksum(content) == metadata.checksum else {
            problems.append("object \(object.key) is not what was written: its CRC-32C differs from the manifest's")
            return
        }
        guard let table = tables.first(where: { $0.number == metadata.table }) else { return }
        do {
            let source = MemoryByteSource(content)
            let reader = try await table.layout.open(source, name: object.key.path, schema: table.schema)
            let cursor = reader.cursor(FileScan())
            var summary = RowSummary(table)
            while let batch = try await cursor.next() { summary.add(batch) }
            rows += summary.rows
            let bounds = (summary.minTime, summary.maxTime, summary.minKey, summary.maxKey)
            if summary.rows != metadata.rows {
                problems.append("object \(object.key) holds \(summary.rows) rows, the manifest says \(metadata.rows)")
            } else if bounds != (metadata.minTime, metadata.maxTime, metadata.minKey, metadata.maxKey) {
                problems.append("object \(object.key) holds other times or keys than the manifest says")
            }
        } catch { problems.append("object \(object.key): \(error)") }
    }
}
