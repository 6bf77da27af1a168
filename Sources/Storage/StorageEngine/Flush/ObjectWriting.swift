import Columnar
import ManifestLog
import ObjectStorage
import Platform

/// Rows to durable objects and the metadata that describes them: what flush and compaction share.
///
/// - An object ends above the bound of an output, and the rows go on in the next: pieces of one run.
/// - Bytes go to the store part by part, so that memory holds a row group and a part, whatever the object's size. A small
///   object is put whole, and kept in the cache.
/// - What was written of a run that fails is given to the collector: nothing will ever name it.
struct ObjectWriting {
    private let region: Region
    private let table: TableDefinition
    private let context: FileContext
    private(set) var made: [SSTMetadata] = []
    private var piece: OpenPiece?

    /// An object that is being written.
    private struct OpenPiece {
        let id: SSTID
        let key: ObjectKey
        var writer: any TableFileWriter
        var summary: RowSummary
        var checksum: UInt32 = 0
        var size: UInt64 = 0
        /// Bytes of it that did not go out yet.
        var waiting: Bytes = []
        var upload: (any ObjectUpload)?
    }

    /// Writes all `rows` as pieces of one run.
    /// - Parameters:
    ///   - earlier: what the same flush or merge has written before.
    ///   - isLast: whether nothing comes after these rows; asked once they have all passed.
    /// - Returns: the objects in key order; none where there are no rows.
    static func write(
        _ rows: any BatchCursor, _ context: FileContext, _ table: TableDefinition, after earlier: [SSTMetadata] = [],
        isLast: () async throws -> Bool = { true }, in region: Region
    ) async throws -> [SSTMetadata] {
        var writing = ObjectWriting(region: region, table: table, context: context)
        do {
            var next = try await rows.next()
            while let batch = next {
                // A merge can be begun again; who closes does not wait for it.
                if context.purpose == .compaction, region.writer.isClosed {
                    throw StorageError(.closed, "the database is closed")
                }
                try await writing.append(batch)
                next = try await rows.next()
                if writing.isFull || next == nil {
                    let endsAll = next == nil ? try await isLast() : false
                    try await writing.finishPiece(after: earlier, isLast: endsAll)
                }
            }
            return writing.made
        } catch {
            await writing.abandon()
            throw error
        }
    }

    private init(region: Region, table: TableDefinition, context: FileContext) {
        self.region = region
        self.table = table
        self.context = context
    }

    private var isFull: Bool {
        (piece?.writer.size ?? 0) + (piece?.waiting.count ?? 0) >= region.options.compaction.maximumOutput.bytes
    }

    private mutating func append(_ batch: RecordBatch) async throws {
        if piece == nil {
            let id = region.makeObjectID()
            piece = OpenPiece(
                id: id,
                key: ObjectPaths.sst(id, table: table.name, region: region.options.name, segment: context.segment),
                writer: try table.layout.makeWriter(context), summary: RowSummary(table))
        }
        piece?.summary.add(batch)
        try piece?.writer.append(batch)
        try await send(piece?.writer.takeBytes() ?? [])
    }

    /// Bytes on their way to the store.
    private mutating func send(_ bytes: Bytes) async throws {
        guard let checksum = piece?.checksum, !bytes.isEmpty else { return }
        piece?.checksum = bytes.withUnsafeBytes { CRC32C.checksum($0, continuing: checksum) }
        piece?.size += UInt64(bytes.count)
        if piece?.waiting.isEmpty == true { piece?.waiting = bytes } else { piece?.waiting.append(contentsOf: bytes) }
        if (piece?.waiting.count ?? 0) >= max(region.options.compaction.uploadPart.bytes, 1) { try await sendWaiting() }
    }

    private mutating func sendWaiting() async throws {
        guard let key = piece?.key, let bytes = piece?.waiting else { return }
        var upload = piece?.upload
        if upload == nil {
            upload = try await region.store.upload(to: key)
            piece?.upload = upload
        }
        piece?.waiting = []
        try await upload?.append(bytes)
    }

    private mutating func finishPiece(after earlier: [SSTMetadata], isLast: Bool) async throws {
        guard let id = piece?.id else { return }
        let number = earlier.count + made.count
        var marks = [
            ("varve.change", (earlier.first?.id ?? made.first?.id ?? id).description), ("varve.piece", String(number)),
        ]
        if isLast { marks.append(("varve.pieces", String(number + 1))) }
        try await send(try piece?.writer.finish(marks: marks) ?? [])
        guard let finished = piece else { return }
        let metadata = SSTMetadata(
            id: id, table: table.number, segment: context.segment, size: finished.size, checksum: finished.checksum,
            rows: finished.summary.rows, minTime: finished.summary.minTime, maxTime: finished.summary.maxTime,
            minKey: finished.summary.minKey, maxKey: finished.summary.maxKey,
            minSequence: context.sequences.lowerBound, maxSequence: context.sequences.upperBound)
        // From here on it may be there, whatever the store answers.
        made.append(metadata)
        if let upload = finished.upload {
            if !finished.waiting.isEmpty { try await sendWaiting() }
            piece = nil
            try await upload.finish()
        } else {
            piece = nil
            #if PLANTED_BUGS
                if PlantedBug.current == .namesObjectBeforePut {
                    let (region, bytes, key) = (region, finished.waiting, finished.key)
                    region.environment.spawn { _ = try? await region.store.put(bytes, at: key, .ifAbsent) }
                    return
                }
            #endif
            try await region.store.put(finished.waiting, at: finished.key, .ifAbsent)
            region.objects.keep(finished.waiting, at: finished.key)
        }
    }

    private mutating func abandon() async {
        if let upload = piece?.upload { await upload.abandon() }
        piece = nil
        region.discard(made)
    }
}

/// Counts and bounds of rows on their way into a file.
struct RowSummary {
    private let timeColumn: Int?
    private let keyColumn: Int?
    private(set) var rows: UInt64 = 0
    private(set) var minTime = Int64.max
    private(set) var maxTime = Int64.min
    private(set) var minKey = Int64.max
    private(set) var maxKey = Int64.min

    init(_ table: TableDefinition) {
        timeColumn = table.schema.timeColumn
        keyColumn = table.selectionColumn
        if timeColumn == nil { (minTime, maxTime) = (0, 0) }
        if keyColumn == nil { (minKey, maxKey) = (0, 0) }
    }

    mutating func add(_ batch: RecordBatch) {
        rows += UInt64(batch.rowCount)
        if let timeColumn {
            for time in batch.columns[timeColumn].int64s {
                minTime = min(minTime, time)
                maxTime = max(maxTime, time)
            }
        }
        if let keyColumn {
            for key in batch.columns[keyColumn].int64s {
                minKey = min(minKey, key)
                maxKey = max(maxKey, key)
            }
        }
    }
}
