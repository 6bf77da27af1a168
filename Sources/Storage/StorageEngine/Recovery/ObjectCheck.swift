import Columnar
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
    /// Objects that were replaced and wait for their collection, so that readers do not lose their ground.
    public private(set) var awaiting: [String] = []

    /// Whether there is a manifest.
    public static func isDatabase(store: any ObjectStore, region: String) async throws(StorageError) -> Bool {
        do throws(ManifestError) {
            let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
            return try await ManifestWriter.readHead(store: manifestStore) != nil
        } catch { throw StorageError(error) }
    }

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
        do throws(ManifestError) {
            let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
            check.problems += try await ManifestReader.problems(in: manifestStore)
        } catch { throw StorageError(error) }
        // What cannot be loaded was named above.
        if !check.problems.isEmpty {
            do throws(StorageError) {
                _ = try await liveObjects(store: store, tables: tables, region: region)
            } catch { return check }
        }
        let live = try await liveObjects(store: store, tables: tables, region: region)
        if live.isEmpty {
            do {
                let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
                if try await ManifestWriter.readHead(store: manifestStore) == nil,
                    let object = try await strayObject(store, tables, region)
                {
                    check.problems.append(lostManifest(region, object))
                }
            } catch { throw StorageError(wrapping: error) }
        }
        for (i, object) in live.enumerated() {
            await check.examine(object, store, tables)
            progress(i + 1, live.count)
        }
        let named = Set(live.map(\.key))
        let replaced = try await replacedObjects(store: store, tables: tables, region: region)
        do throws(ObjectStoreError) {
            for table in tables {
                for object in try await store.listAll(under: ObjectPaths.tablePrefix(table.name, region: region))
                where !named.contains(object.key) {
                    if replaced.contains(object.key) {
                        check.awaiting.append(object.key.path)
                    } else {
                        check.unnamed.append(object.key.path)
                    }
                }
            }
        } catch { throw StorageError(error) }
        return check
    }

    /// Objects that the newest manifest has as removed and not yet collected.
    private static func replacedObjects(
        store: any ObjectStore, tables: [TableDefinition], region: String
    ) async throws(StorageError) -> Set<ObjectKey> {
        do throws(ManifestError) {
            let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
            var found: Set<ObjectKey> = []
            for (id, removed) in try await ManifestReader.load(store: manifestStore)?.removed ?? [:] {
                guard let table = tables.first(where: { $0.number == removed.table }) else { continue }
                found.insert(ObjectPaths.sst(id, table: table.name, region: region, segment: removed.segment))
            }
            return found
        } catch { throw StorageError(error) }
    }

    /// An SST of the region; nil: there is none.
    static func strayObject(
        _ store: any ObjectStore, _ tables: [TableDefinition], _ region: String
    ) async throws -> ObjectKey? {
        for table in tables {
            let first = try await store.list(under: ObjectPaths.tablePrefix(table.name, region: region), after: nil)
            if let object = first.first(where: { ObjectPaths.sstID(of: $0.key) != nil }) { return object.key }
        }
        return nil
    }

    static func lostManifest(_ region: String, _ object: ObjectKey) -> String {
        "region \(region) has no manifest, although \(object) is there. Nothing was changed. `varve rebuild` makes the "
            + "manifest again from the data files."
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
            if let difference = FileDescription.difference(of: reader, from: metadata, table) {
                problems.append("object \(object.key) is not the one that the manifest means: \(difference)")
            }
            let cursor = reader.cursor(FileScan())
            var summary = RowSummary(table)
            var order = OrderCheck(table)
            while let batch = try await cursor.next() {
                summary.add(batch)
                order.add(batch)
            }
            if let row = order.firstOutOfOrder {
                problems.append("object \(object.key): row \(row) is not in key order, or repeats the key before it")
            }
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

/// Whether rows ascend by their key, batch after batch.
private struct OrderCheck {
    private let mayRepeat: Bool
    private var last: RecordBatch?
    private var rows: UInt64 = 0
    /// Counted from 0 within the object; nil: all are in order.
    private(set) var firstOutOfOrder: UInt64?

    init(_ table: TableDefinition) { mayRepeat = table.updateMode == .append }

    mutating func add(_ batch: RecordBatch) {
        guard firstOutOfOrder == nil, !batch.isEmpty else { return }
        let keys = KeyColumns(batch)
        func isOutOfOrder(_ difference: Int) -> Bool { difference > 0 || (difference == 0 && !mayRepeat) }
        if let last, isOutOfOrder(KeyColumns(last).compare(last.rowCount - 1, with: keys, 0)) {
            firstOutOfOrder = rows
        }
        for row in 1..<max(batch.rowCount, 1) where firstOutOfOrder == nil {
            if isOutOfOrder(keys.compare(row - 1, with: keys, row)) { firstOutOfOrder = rows + UInt64(row) }
        }
        rows += UInt64(batch.rowCount)
        last = batch.slice(batch.rowCount - 1..<batch.rowCount)
    }
}
