import Columnar
import ManifestLog
import ObjectStorage
import Platform

// What several tests build their manifests of.

extension SSTMetadata {
    /// Sequences of different counters never overlap.
    static func sample(_ claim: UInt64, counter: UInt64, table: UInt16 = 0) -> SSTMetadata {
        SSTMetadata(
            id: SSTID(claim, counter), table: table, segment: 0..<86_400_000, size: 1_000, checksum: 0xdead_beef,
            rows: 10,
            minTime: 5, maxTime: 80, minKey: 1, maxKey: 9,
            minSequence: SequenceNumber(claim << 40 + counter * 10),
            maxSequence: SequenceNumber(claim << 40 + counter * 10 + 9))
    }
}

extension SSTID {
    init(_ claim: UInt64, _ counter: UInt64) { self.init(claim: ClaimNumber(claim), counter: counter) }
}

extension ManifestChange {
    static func adding(_ ssts: SSTMetadata...) -> ManifestChange {
        var change = ManifestChange()
        change.added = ssts
        return change
    }
    static func removing(_ ids: SSTID...) -> ManifestChange {
        var change = ManifestChange()
        change.removed = ids
        return change
    }
}

/// A manifest without its version, claim and times: what a dictionary can say of it.
struct Content: Equatable {
    var live: [SSTID: SSTMetadata] = [:]
    var removed: Set<SSTID> = []
    var cut = SequenceNumber.zero
    var counters: [String: UInt64] = [:]

    init() {}
    init(_ manifest: Manifest) {
        live = manifest.live
        removed = Set(manifest.removed.keys)
        cut = manifest.cut
        counters = manifest.counters
    }

    /// The model's own way of applying a change that is valid.
    func with(_ change: ManifestChange) -> Content {
        var next = self
        for id in change.collected { next.removed.remove(id) }
        for id in change.removed {
            next.live[id] = nil
            next.removed.insert(id)
        }
        for sst in change.added { next.live[sst.id] = sst }
        if let cut = change.cut { next.cut = cut }
        for (name, value) in change.counters { next.counters[name] = value }
        return next
    }

    /// Some valid change; ids come from `counter`.
    func randomChange(
        claim: ClaimNumber, counter: inout UInt64, using random: inout SeededGenerator
    ) -> ManifestChange {
        var change = ManifestChange()
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            counter += 1
            change.added.append(
                .sample(claim.rawValue, counter: counter, table: UInt16.random(in: 0...2, using: &random)))
        }
        let ids = live.keys.sorted()
        for id in ids where Int.random(in: 0..<8, using: &random) == 0 { change.removed.append(id) }
        for id in removed.sorted() where Bool.random(using: &random) { change.collected.append(id) }
        if Bool.random(using: &random) {
            change.cut = SequenceNumber(cut.rawValue + UInt64.random(in: 0...9, using: &random))
        }
        let name = ["series-numbers", "metric-numbers"][Int.random(in: 0...1, using: &random)]
        change.counters[name] = counters[name, default: 0] + UInt64.random(in: 0...3, using: &random)
        return change
    }
}

extension ManifestOptions {
    /// Does not wait between attempts; folds within the commit that reaches `fold` deltas, if any.
    static func swift(fold: Int = 1_000, attempts: Int = 3) -> ManifestOptions {
        var options = ManifestOptions()
        options.foldInBackground = fold
        options.foldAtOnce = fold
        options.foldBeforeCommit = fold * 2
        options.attempts = attempts
        options.pause = .zero
        return options
    }
}

extension ManifestWriter {
    /// A claim whose tidying is over.
    static func settled(
        _ store: any ObjectStore, claimant: UInt64, _ options: ManifestOptions, _ environment: Environment
    ) async throws(ManifestError) -> ManifestWriter {
        let writer = try await claim(store: store, claimantID: claimant, options: options, environment: environment)
        await writer.finishBackgroundWork()
        return writer
    }
}
