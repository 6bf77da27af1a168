import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization

/// A live SST: its metadata, and its reader once somebody asked.
///
/// - Opened at most a few times (a race costs a second footer read, never a wrong answer).
/// - An object that does not say of itself what the manifest says of it is another one: it is not read.
/// - When it was replaced, its object is deleted after the last snapshot that names it is gone (`onLastRelease`).
final class SSTPart: Sendable {
    let metadata: SSTMetadata
    let key: ObjectKey
    let definition: TableDefinition
    private let objects: ObjectCache
    private let reader = Mutex<(any TableFileReader)?>(nil)
    private let isRemoved = Atomic<Bool>(false)
    private let onLastRelease: @Sendable (SSTID) -> Void

    init(
        _ metadata: SSTMetadata, definition: TableDefinition, region: String, objects: ObjectCache,
        onLastRelease: @escaping @Sendable (SSTID) -> Void
    ) {
        self.metadata = metadata
        self.definition = definition
        self.objects = objects
        self.onLastRelease = onLastRelease
        key = ObjectPaths.sst(metadata.id, table: definition.name, region: region, segment: metadata.segment)
    }

    deinit {
        if isRemoved.load(ordering: .relaxed) { onLastRelease(metadata.id) }
    }

    /// The manifest no longer names it.
    func markRemoved() { isRemoved.store(true, ordering: .relaxed) }

    func open() async throws -> any TableFileReader {
        if let known = reader.withLock({ $0 }) { return known }
        let source = ObjectSource(key: key, size: metadata.size, objects: objects)
        let opened = try await definition.layout.open(source, name: key.path, schema: definition.schema)
        guard opened.rowCount == metadata.rows else {
            throw StorageError(
                .damaged,
                "object \(key) has \(opened.rowCount) rows, the manifest says \(metadata.rows); "
                    + "`varve verify` checks every object, `varve rebuild` makes the manifest again")
        }
        if let difference = FileDescription.difference(of: opened, from: metadata, definition) {
            throw StorageError(
                .damaged,
                "object \(key) is not the one that the manifest means: \(difference); "
                    + "`varve verify` checks every object, `varve rebuild` makes the manifest again")
        }
        reader.withLock { $0 = opened }
        return opened
    }
}

/// Opens its part when the first batch is asked for; then the columns and rows that were asked for, whatever its layout
/// made of the wish.
///
/// - `onDamage`: told of a part that is missing or damaged, which then ends here; nil: the error goes up.
final class SSTCursor: BatchCursor {
    private let part: SSTPart
    private let scan: FileScan
    private let onDamage: (@Sendable (StorageError) -> Void)?
    private var cursor: (any BatchCursor)?
    private var isOver = false

    init(_ part: SSTPart, _ scan: FileScan, onDamage: (@Sendable (StorageError) -> Void)? = nil) {
        self.part = part
        self.scan = scan
        self.onDamage = onDamage
    }

    func next() async throws -> RecordBatch? {
        guard !isOver else { return nil }
        guard let onDamage else { return try await read() }
        do { return try await read() } catch {
            let error = StorageError(wrapping: error)
            guard error.kind == .damaged || error.kind == .foreign else { throw error }
            isOver = true
            onDamage(error)
            return nil
        }
    }

    /// The layout's cursor, opened if need be.
    func openedCursor() async throws -> any BatchCursor {
        if let cursor { return cursor }
        let opened = try await part.open().cursor(scan)
        cursor = opened
        return opened
    }

    private func read() async throws -> RecordBatch? {
        let opened = try await openedCursor()
        while let batch = try await opened.next() {
            let fitting = fitted(batch)
            guard !fitting.isEmpty else { continue }
            scan.counters?.add { $0.rowsRead += UInt64(fitting.rowCount) }
            return fitting
        }
        return nil
    }

    /// A layout of its own may give more columns and rows than were asked for.
    private func fitted(_ batch: RecordBatch) -> RecordBatch {
        guard batch.columns.count == part.definition.schema.columns.count else { return batch }
        var rows: [Int]?
        if let filter = scan.filter {
            let passing = filter.matchingRows(batch.rowCount) { batch.columns[$0] }
            if passing.count < batch.rowCount { rows = passing }
        }
        let wanted = scan.columns ?? Array(batch.columns.indices)
        if rows == nil, wanted.count == batch.columns.count { return batch }
        return RecordBatch(
            trusted: batch.schema.keeping(wanted),
            wanted.map { i in rows.map { batch.columns[i].taking($0) } ?? batch.columns[i] })
    }
}

/// Parts whose keys follow one another, as one source: the objects of one run.
final class RunCursor: BatchCursor {
    private var rest: ArraySlice<SSTCursor>

    init(_ cursors: [SSTCursor]) { rest = cursors[...] }

    func next() async throws -> RecordBatch? {
        while let first = rest.first {
            if let batch = try await first.next() { return batch }
            // What was read of it is let go of.
            rest.removeFirst()
        }
        return nil
    }
}
