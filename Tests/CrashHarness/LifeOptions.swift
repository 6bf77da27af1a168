import ManifestLog
import ObjectStorage
import Platform
import Simulation
import StorageEngine
import WAL

/// Options of one life, by chance: the same operations must give the same answers under all of them.
extension EngineWorld {
    mutating func chooseOptions(_ random: inout SeededGenerator) {
        options.flushSize =
            [.kibibytes(2), .kibibytes(4), .kibibytes(32)].randomElement(using: &random) ?? .kibibytes(4)
        options.logSegmentSize = [.kibibytes(16), .kibibytes(64)].randomElement(using: &random) ?? .kibibytes(16)
        options.compaction.fanIn = Int.random(in: 2...4, using: &random)
        options.compaction.maximumInputs = [2, 3, 64].randomElement(using: &random) ?? 64
        options.manifest.foldInBackground = [2, 3, 10].randomElement(using: &random) ?? 10
        options.manifest.foldAtOnce = options.manifest.foldInBackground + Int.random(in: 1...4, using: &random)
        options.manifest.attempts = [2, 5].randomElement(using: &random) ?? 5
        options.cacheSize = Bool.random(using: &random) ? .mebibytes(1) : ByteCount(0)
        options.runsInBackground = Bool.random(using: &random)
        // Mostly what is promised by default.
        options.durability =
            [.always, .always, .always, .always, .interval, .os].randomElement(using: &random) ?? .always
        if Int.random(in: 0..<6, using: &random) == 0 { options.memoryLimit = .kibibytes(24) }
    }

    /// Rows round about now, segments of a minute, and nothing older than some: for all lives of a seed alike.
    static func retentionGrid(_ now: Int64) -> TimeGrid {
        var grid = TimeGrid()
        (grid.first, grid.step, grid.count) = (now - 240_000, 20_000, 18)
        return grid
    }

    mutating func keep(_ retention: Duration) {
        tables.segmentLength = 60_000
        options.retention = retention
        options.runsInBackground = true
    }
}

/// Faults by chance.
enum RandomFault {
    static func ofDisk(_ random: inout SeededGenerator) -> FaultRule {
        let groups: [Set<FileOperation>] = [
            [.write], [.sync], [.sync], [.rename], [.syncDirectory], [.open], [.remove],
            [.write, .sync, .rename, .truncate],
        ]
        let places = ["", "/data/log", "/data/objects", "manifest", "head"]
        return FaultRule(
            groups.randomElement(using: &random) ?? [.write], path: places.randomElement(using: &random) ?? "",
            passing: Int.random(in: 0..<40, using: &random), times: Int.random(in: 1...6, using: &random),
            Bool.random(using: &random) ? .full : .failed)
    }

    /// One fault before or after the effect; or an answer that is lost, and then nobody can ask for a while.
    static func ofStore(_ store: FaultyStore, _ random: inout SeededGenerator) {
        let root = "regions/main/"
        let places = [
            "", root + "manifest/head", root + "manifest/delta", root + "manifest/", "samples/data/", "notes/data/",
        ]
        let place = places.randomElement(using: &random) ?? ""
        let occurrence = Int.random(in: 1...12, using: &random)
        if Int.random(in: 0..<3, using: &random) == 0 {
            let times = Int.random(in: 1...3, using: &random)
            store.fail(.put, under: root + "manifest/head", occurrence: occurrence, times: times, .afterSuccess)
            store.fail(
                .get, under: root + "manifest/head", occurrence: Int.random(in: 1...8, using: &random),
                times: Int.random(in: 1...30, using: &random), .beforeSuccess)
            return
        }
        let faults: [FaultyStore.Fault] = [
            .before(.unavailable), .before(.unanswered), .before(.full), .before(.refused), .after(.unanswered),
            .after(.unavailable),
        ]
        let operations: [Set<FaultyStore.Operation>] = [[.put], [.put, .delete], [.get, .read], [.list, .metadata]]
        let chosen = operations.randomElement(using: &random) ?? [.put]
        var fault = faults.randomElement(using: &random) ?? .beforeSuccess
        // `unavailable` and its kin promise that a put did not happen: no store says that after it did.
        if fault == .after(.unavailable), chosen.contains(.put) { fault = .afterSuccess }
        store.fail(chosen, under: place, occurrence: occurrence, times: Int.random(in: 1...8, using: &random), fault)
    }
}
