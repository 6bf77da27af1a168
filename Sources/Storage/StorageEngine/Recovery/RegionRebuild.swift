public import Columnar
import ManifestLog
public import ObjectStorage
import Parquet
public import Platform
import WAL

/// A lost or damaged manifest, made again from what the SSTs say of themselves.
///
/// 1. Every object of every table is read whole: its footer says what it is and what it replaced.
/// 2. `RebuildPlan` decides what lives. An object that cannot be read is moved to quarantine, so that no later start takes
///    it for an orphan.
/// 3. The old manifest is copied to quarantine and the new one put in its place.
///
/// Nothing is deleted. The region must not be open anywhere: the head is swapped, so that a writer that still is stops.
public struct RegionRebuild: Sendable {
    public private(set) var objects = 0
    public private(set) var rows: UInt64 = 0
    /// Objects whose rows others hold: the next start removes them.
    public private(set) var replaced: [String] = []
    /// Objects of flushes and merges that were not finished: their rows are in the log, or in the inputs.
    public private(set) var unfinished: [String] = []
    /// Objects that could not be read, and why; moved to quarantine.
    public private(set) var damaged: [String] = []
    /// Names below the tables that are not ours, left alone.
    public private(set) var unknown: [String] = []
    /// What went to quarantine, by its key there.
    public private(set) var quarantined: [String] = []
    /// Log records up to here are in objects; later ones are replayed at the next start.
    public private(set) var cut = SequenceNumber.zero

    /// A live object, for whoever has to look into it.
    public struct Counted: Sendable {
        public let object: LiveObject
        let definition: TableDefinition
        let source: any ByteSource

        /// All its rows.
        public func cursor() async throws -> any BatchCursor {
            try await definition.layout.open(source, name: object.key.path, schema: definition.schema)
                .cursor(FileScan())
        }
    }

    /// Whether the manifest is whole, as far as its own objects go, and all that it names is there.
    public static func isNeeded(
        store: any ObjectStore, tables: [TableDefinition], region: String
    ) async throws(StorageError) -> Bool {
        let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
        do throws(ManifestError) {
            guard let manifest = try await ManifestReader.load(store: manifestStore) else { return true }
            guard manifest.problems().isEmpty else { return true }
        } catch {
            switch error {
            case .damaged: return true
            case .unsupportedVersion, .fenced, .unknown, .store, .invalid: throw StorageError(error)
            }
        }
        for object in try await ObjectCheck.liveObjects(store: store, tables: tables, region: region) {
            do throws(ObjectStoreError) { _ = try await store.metadata(of: object.key) } catch {
                if error.kind == .absent { return true }
                throw StorageError(error)
            }
        }
        return false
    }

    /// - Parameters:
    ///   - quarantine: where the old manifest and unreadable objects go, below `name`.
    ///   - logDirectory: the region's log, which is only looked at; nil: there is none.
    ///   - counters: the values of the manifest's counters, from the rows that live.
    ///   - progress: told how many of how many objects were read.
    public static func run(
        store: any ObjectStore, quarantine: any ObjectStore, name: String, tables: [TableDefinition], region: String,
        logDirectory: String?, environment: Environment,
        counters: @Sendable ([Counted]) async throws -> [String: UInt64],
        progress: @Sendable (Int, Int) -> Void = { _, _ in }
    ) async throws(StorageError) -> RegionRebuild {
        do {
            var report = RegionRebuild()
            // The new manifest names what a listing shows, and its cut lets the log go.
            try await store.settleNames()
            let log = try await logOf(logDirectory, environment)
            let files = try await report.readAll(store, tables, region, progress)
            let plan = RebuildPlan(files, log: log.sequences)
            try await report.quarantineDamaged(store, quarantine, name)
            var content = Manifest()
            for metadata in plan.live { content.live[metadata.id] = metadata }
            for metadata in plan.replaced {
                content.removed[metadata.id] = RemovedSST(
                    table: metadata.table, segment: metadata.segment, removedAt: environment.time.now())
            }
            content.cut = plan.cut
            let problems = content.problems().filter { !$0.contains("newer claim") }
            guard problems.isEmpty else {
                throw StorageError(
                    .damaged,
                    "the objects contradict each other: \(problems.joined(separator: "; ")). Nothing was changed.")
            }
            let live = plan.live.compactMap { metadata -> Counted? in
                guard let table = tables.first(where: { $0.number == metadata.table }) else { return nil }
                let key = ObjectPaths.sst(metadata.id, table: table.name, region: region, segment: metadata.segment)
                return Counted(
                    object: LiveObject(key: key, table: table.name, metadata: metadata), definition: table,
                    source: ObjectSource(
                        key: key, size: metadata.size, objects: ObjectCache(store: store, limit: .mebibytes(16))))
            }
            content.counters = try await counters(live)
            let newest = files.map(\.metadata.id.claim).max() ?? .zero
            let claim = max(newest, plan.cut.claim, log.sequences?.upperBound.claim ?? .zero, ClaimNumber(1))
            let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
            let written = try await ManifestRebuild.write(
                content, claim: claim, claimant: log.claimant, store: manifestStore, quarantine: quarantine, name: name)
            report.take(plan, written.kept, tables, region)
            return report
        } catch { throw StorageError(wrapping: error) }
    }

    private mutating func take(
        _ plan: RebuildPlan, _ kept: [ObjectKey], _ tables: [TableDefinition], _ region: String
    ) {
        func path(_ metadata: SSTMetadata) -> String {
            let table = tables.first { $0.number == metadata.table }?.name ?? "\(metadata.table)"
            return ObjectPaths.sst(metadata.id, table: table, region: region, segment: metadata.segment).path
        }
        objects = plan.live.count
        rows = plan.live.reduce(0) { $0 + $1.rows }
        replaced = plan.replaced.map(path)
        unfinished = plan.unfinished.map(path)
        quarantined += kept.map(\.path)
        cut = plan.cut
    }

    /// First and last sequence number in the log, and who wrote it last.
    private static func logOf(
        _ directory: String?, _ environment: Environment
    ) async throws -> (sequences: ClosedRange<SequenceNumber>?, claimant: UInt64?) {
        guard let directory else { return (nil, nil) }
        let claimant = try await environment.blocking.run {
            try Claimant.read(directory + ".claimant", in: environment.fileSystem)
        }
        let isThere = try await environment.blocking.run {
            try environment.fileSystem.status(of: directory)?.kind == .directory
        }
        guard isThere else { return (nil, claimant.known.last) }
        let log = try await LogInspection.read(directory: directory, options: WALOptions(), environment: environment)
        let ranges = log.segments.compactMap(\.sequences)
        guard let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max() else {
            return (nil, claimant.known.last)
        }
        return (low...high, claimant.known.last)
    }

    private mutating func readAll(
        _ store: any ObjectStore, _ tables: [TableDefinition], _ region: String,
        _ progress: @Sendable (Int, Int) -> Void
    ) async throws -> [FoundSST] {
        var there: [(key: ObjectKey, table: TableDefinition)] = []
        for table in tables {
            for object in try await store.listAll(under: ObjectPaths.tablePrefix(table.name, region: region)) {
                if ObjectPaths.sstID(of: object.key) == nil {
                    unknown.append(object.key.path)
                } else {
                    there.append((object.key, table))
                }
            }
        }
        var files: [FoundSST] = []
        for (i, (key, table)) in there.enumerated() {
            do {
                files.append(try await Self.read(key, table, store, region))
            } catch {
                let error = StorageError(reading: error)
                guard error.kind == .damaged || error.kind == .foreign else { throw error }
                damaged.append(key.path)
                reasons[key.path] = error.text
            }
            progress(i + 1, there.count)
        }
        return files
    }
    /// Why an object counts as damaged, by its key.
    public private(set) var reasons: [String: String] = [:]

    private static func read(
        _ key: ObjectKey, _ table: TableDefinition, _ store: any ObjectStore, _ region: String
    ) async throws -> FoundSST {
        let bytes = try await store.get(key).bytes
        let reader = try await table.layout.open(MemoryByteSource(bytes), name: key.path, schema: table.schema)
        guard let id = ObjectPaths.sstID(of: key),
            let found = FileDescription.described(
                reader, id: id, table: table, size: UInt64(bytes.count), checksum: CRC32C.checksum(bytes)),
            ObjectPaths.sst(id, table: table.name, region: region, segment: found.metadata.segment) == key
        else { throw StorageError(.damaged, "\(key) does not say of itself what a manifest needs") }
        // All pages must be sound: what the manifest names is what a reader gets.
        let cursor = reader.cursor(FileScan())
        var rows: UInt64 = 0
        while let batch = try await cursor.next() { rows += UInt64(batch.rowCount) }
        guard rows == found.metadata.rows else {
            throw StorageError(.damaged, "\(key) holds \(rows) rows and says that it has \(found.metadata.rows)")
        }
        return found
    }

    /// Copies first: a crash in between leaves two.
    private mutating func quarantineDamaged(
        _ store: any ObjectStore, _ quarantine: any ObjectStore, _ name: String
    ) async throws {
        for path in damaged {
            guard let key = ObjectKey(path), let copy = ObjectKey("\(name)/\(path)") else { continue }
            try await quarantine.put(try await store.get(key).bytes, at: copy, .always)
            try await store.delete(key)
            quarantined.append(copy.path)
        }
    }
}
