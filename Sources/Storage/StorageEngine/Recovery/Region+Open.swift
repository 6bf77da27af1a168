import Columnar
import ManifestLog
public import ObjectStorage
public import Platform
import Synchronization
import WAL

extension Region {
    /// Opens a region for writing, alone.
    ///
    /// 1. Open the log: its directory and files are synced before anything read from them is trusted.
    /// 2. See who claimed the region last; a log that another claim has superseded is not replayed (rule R2).
    /// 3. Claim: from now on no older writer can commit.
    /// 4. Show the contributor what the manifest names.
    /// 5. Replay the log after the cut, flushing on the way when memory asks for it.
    /// 6. Delete what older claims left behind.
    ///
    /// - Throws: `.foreign` or `.damaged`, naming file and command; `.fenced` when another node has the region.
    public static func open(
        _ options: RegionOptions, tables: [TableDefinition], contributor: (any FlushContributor)?,
        store: any ObjectStore, environment: Environment
    ) async throws(StorageError) -> Region {
        try await StorePurpose.during(.opening) { () async throws(StorageError) in
            try await openCounted(options, tables: tables, contributor: contributor, store: store, environment)
        }
    }

    private static func openCounted(
        _ options: RegionOptions, tables: [TableDefinition], contributor: (any FlushContributor)?,
        store: any ObjectStore, _ environment: Environment
    ) async throws(StorageError) -> Region {
        do {
            for table in tables {
                if let problem = table.problems().first { throw StorageError(.refused, problem) }
            }
            if !options.isReadOnly { await freeBallastIfFull(options, environment) }
            let log: any WriteAheadLog =
                if let directory = options.logDirectory, options.isReadOnly {
                    ReplayedLog(
                        log: try await RegionLog.openReadOnly(
                            directory: directory, region: options.name, options: options.logOptions,
                            environment: environment))
                } else if let directory = options.logDirectory {
                    try await RegionLog.open(
                        directory: directory, region: options.name, options: options.logOptions,
                        environment: environment)
                } else { NoLog() }
            let region: Region
            do {
                region = try await claimAndLoad(options, tables, contributor, store, log, environment)
            } catch {
                try? await log.close()
                throw error
            }
            do {
                try await contributor?.regionDidLoad(region.snapshot, counters: region.counters)
                try await region.replay()
                // Not earlier: what the log holds may need rows of segments that are past retention by now.
                region.updateRetention()
                try await region.collectOrphans(isFirst: true)
                await region.checkDisk()
            } catch {
                // Nothing of it goes on after the caller has heard that it is not open.
                region.writer.close()
                region.introducer.endWatching()
                try? await region.shut()
                throw error
            }
            if options.runsInBackground {
                await region.keepRoomForOpening()
                region.startBackground()
            }
            return region
        } catch { throw StorageError(wrapping: error) }
    }

    private static func claimAndLoad(
        _ options: RegionOptions, _ tables: [TableDefinition], _ contributor: (any FlushContributor)?,
        _ store: any ObjectStore, _ log: any WriteAheadLog, _ environment: Environment
    ) async throws -> Region {
        let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: options.name))
        var head = try await ManifestWriter.readHead(store: manifestStore)
        if head == nil, let object = try await ObjectCheck.strayObject(store, tables, options.name) {
            // Objects come after a head: another node may have begun the region since we looked.
            head = try await ManifestWriter.readHead(store: manifestStore)
            // A claim would make a new manifest, and a later one take these objects for orphans.
            if head == nil { throw StorageError(.damaged, ObjectCheck.lostManifest(options.name, object)) }
        }
        let claimantID = environment.random.next()
        var over: UInt64?
        if let directory = options.logDirectory, !options.isReadOnly {
            let path = directory + ".claimant"
            var claimant = try await environment.blocking.run { try Claimant.read(path, in: environment.fileSystem) }
            let cut = try await ManifestReader.load(store: manifestStore)?.cut ?? .zero
            let hasUnflushed = claimant.mayHoldUnflushed(log.lastSequence, cut: cut, after: head?.claimant)
            guard claimant.mayClaim(after: head?.claimant, hasUnflushedRecords: hasUnflushed) else {
                throw StorageError(
                    .fenced,
                    "another node claimed region \(options.name) after this log was written, and the log in "
                        + "\(directory) still holds unflushed records; `varve wal replay --url WRITER` brings them in, "
                        + "`--take-over` claims the region for this node")
            }
            claimant.begin(claimantID, after: head?.claimant)
            over = claimant.over
            let intended = claimant
            try await environment.blocking.run { try intended.write(path, in: environment.fileSystem) }
        }
        let manifest = try await ManifestWriter.claim(
            store: manifestStore, claimantID: claimantID, options: options.manifest, environment: environment,
            // Whether the log may be taken for ours was asked of this head, and of no later one.
            over: .claimant(head?.claimant))
        if let over {
            // Before anything is flushed or merged. A crash before it: the file still says so, and the next claim notes it.
            var change = ManifestChange()
            change.note(Takeover(claim: manifest.claim, cut: manifest.manifest.cut, claimant: over))
            _ = try await manifest.commit(change)
        }
        if let directory = options.logDirectory, !options.isReadOnly {
            let path = directory + ".claimant"
            try await environment.blocking.run {
                let flushed = try Claimant.read(path, in: environment.fileSystem).flushed
                try Claimant(known: [claimantID], flushed: flushed).write(path, in: environment.fileSystem)
            }
        }

        let objects = ObjectCache(store: store, limit: options.cacheSize)
        let garbage = GarbageCollector(
            store: store, objects: objects, environment: environment, grace: options.garbageGrace)
        let scanTotals = ScanCounters()
        let introducer = Introducer(PartList(tables: tables), scanTotals: scanTotals)
        let writers = WriterQueue(limit: options.waitingWriters)
        #if PLANTED_BUGS
            let last = PlantedBug.current == .sequenceRestarts ? .zero : manifest.manifest.cut
        #else
            let last = manifest.manifest.cut
        #endif
        let writer = RegionWriter(
            last: last, introducer: introducer, log: log,
            budget: MemoryBudget(limit: options.memoryLimit, onGiveBack: { writers.wake() }),
            memory: ChunkMemory(limit: options.flushSize.bytes), environment: environment)
        let byNumber = Dictionary(tables.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        let region = Region(
            OpenedRegion(
                options: options, tables: byNumber, contributor: contributor, store: store, environment: environment,
                log: log, manifest: manifest, introducer: introducer, writer: writer, objects: objects,
                garbage: garbage, writers: writers, scanTotals: scanTotals))
        try region.introduceLive()
        return region
    }

    private func introduceLive() throws(StorageError) {
        var made: [SSTPart] = []
        for metadata in manifest.manifest.live.values {
            guard let table = tables[metadata.table] else {
                throw StorageError(
                    .foreign,
                    "the manifest of region \(options.name) names table number \(metadata.table), which this version "
                        + "does not know; open it with the version that wrote it")
            }
            made.append(part(metadata, table))
        }
        _ = introducer.introduce { parts in
            for part in made { parts.add(part) }
            return true
        }
    }

    /// Log records after the cut, into mem parts; flushed on the way so that any log fits the normal budget.
    private func replay() async throws {
        let cut = manifest.manifest.cut
        try await log.replay(after: cut, batchBytes: 4 << 20) { [self] records in
            for record in records {
                let rows = try record.rows(tables)
                let placed = try BatchPlacement.place(rows, tables)
                let size = BatchPlacement.memorySize(rows, tables)
                var reservation = writer.budget.reserve(size)
                if reservation == nil {
                    try await flush()
                    reservation = writer.budget.reserve(size)
                } else if writer.unflushedBytes > options.flushSize.bytes {
                    try await flushWhileReplaying()
                }
                guard let reservation else {
                    throw StorageError(
                        .overloaded, "a log record of \(ByteCount(size)) does not fit memory-limit; raise it")
                }
                writer.replay(placed, sequence: record.sequence, reservation)
                writer.publish(upTo: record.sequence)
                counts.rowsReplayed.add(UInt64(rows.reduce(0) { $0 + $1.batch.rowCount }), ordering: .relaxed)
                try await contributor?.didReplay(rows)
            }
        }
        #if PLANTED_BUGS
            if PlantedBug.current == .sequenceRestarts { return }
        #endif
        // A log knows the numbers of records that it no longer holds: a manifest made anew does not.
        writer.begin(after: max(SequenceNumber.first(of: manifest.claim), log.lastSequence ?? .zero))
    }

    /// A store that refuses, or a full disk, does not keep the region from opening while memory suffices (rule R9).
    private func flushWhileReplaying() async throws(StorageError) {
        guard flushTrouble.withLock({ $0.mayBegin(at: environment.time.monotonic()) }) else { return }
        do throws(StorageError) { try await flush() } catch { if error.kind != .unavailable { throw error } }
    }

    private func startBackground() {
        let flushing = environment.spawn { [self] in
            var second = 0
            while !Task.isCancelled {
                do { try await environment.time.sleep(for: .seconds(1)) } catch { return }
                await tendLog(second: second)
                second &+= 1
                updateRetention()
                await checkDisk()
                let pressure = writer.pressure
                if FlushPolicy.isDue(held: pressure.bytes, age: pressure.age, options: options) { requestFlush() }
            }
        }
        // Segments grow old without a flush, too.
        let housekeeping = environment.spawn { [self] in
            while !Task.isCancelled {
                do { try await environment.time.sleep(for: .seconds(60)) } catch { return }
                await keepHouse()
            }
        }
        background.withLock { $0 += [flushing, housekeeping] }
    }

    /// What is due whether rows come or not. Failures wait for the next round.
    func keepHouse() async {
        do { try await removeExpired() } catch { counts.compactionFailures.add(1, ordering: .relaxed) }
        await compactWhereDue()
        garbage.retry()
        await collectOrphansWhenDue()
    }

    /// Refuses further writes, flushes, closes the log. What could not be flushed stays in the log. A second call waits
    /// for the first and ends as it did.
    public func close() async throws(StorageError) {
        try await closeLock.withLock { () async throws(StorageError) in
            if let outcome = closing.withLock({ $0 }) { return try outcome.get() }
            writer.close()
            writers.close()
            introducer.endWatching()
            let tasks = background.withLock { held in
                defer { held = [] }
                return held
            }
            for task in tasks { task.cancel() }
            for task in tasks { await task.value }
            var outcome = Result<Void, StorageError>.success(())
            do throws(StorageError) {
                try await flush()
                await noteFlushed()
            } catch { outcome = .failure(error) }
            do throws(StorageError) { try await shut() } catch {
                if case .success = outcome { outcome = .failure(error) }
            }
            closing.withLock { $0 = outcome }
            try outcome.get()
        }
    }

    /// Whoever claims the region next may flush, too: then only this says that the log holds nothing of its own any more.
    private func noteFlushed() async {
        guard let directory = options.logDirectory, manifest.stopped == nil else { return }
        let noted = Claimant(known: [manifest.claimant], flushed: manifest.manifest.cut)
        // Without it the next opening after another's claim is refused for caution, no more.
        _ = try? await environment.blocking.run { [environment] in
            try noted.write(directory + ".claimant", in: environment.fileSystem)
        }
    }

    /// Lets go of log and store: when it returns, nothing of this region touches either any more.
    private func shut() async throws(StorageError) {
        // Whoever flushes or merges now ends before; whoever comes later finds it shut.
        await flushLock.withLock { shutFlag.store(true, ordering: .sequentiallyConsistent) }
        await compactionLock.withLock {}
        garbage.stop()
        await garbage.waitUntilIdle()
        await manifest.finishBackgroundWork()
        defer { directoryLock.withLock { $0 = nil } }
        do throws(WALError) { try await log.close() } catch { throw StorageError(error) }
    }

    var isShut: Bool { shutFlag.load(ordering: .sequentiallyConsistent) }
}
