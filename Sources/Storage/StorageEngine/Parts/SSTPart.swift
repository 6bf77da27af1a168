import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization

/// A live SST: its metadata, and its reader once somebody asked.
///
/// - Opened at most a few times (a race costs a second footer read, never a wrong answer).
/// - When it was replaced, its object is deleted after the last snapshot that names it is gone (`onLastRelease`).
final class SSTPart: Sendable {
    let metadata: SSTMetadata
    let key: ObjectKey
    private let definition: TableDefinition
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
        reader.withLock { $0 = opened }
        return opened
    }
}

/// Opens its part when the first batch is asked for.
final class SSTCursor: BatchCursor {
    private let part: SSTPart
    private let scan: FileScan
    private var cursor: (any BatchCursor)?

    init(_ part: SSTPart, _ scan: FileScan) {
        self.part = part
        self.scan = scan
    }

    func next() async throws -> RecordBatch? {
        let opened: any BatchCursor
        if let cursor {
            opened = cursor
        } else {
            opened = try await part.open().cursor(scan)
            cursor = opened
        }
        return try await opened.next()
    }
}
