import Columnar
import ManifestLog

/// The parts of a region as a value.
///
/// - Of one table and segment, SSTs ascend by sequence range and no two ranges overlap; mem parts come after them all.
/// - A row is in exactly one part: a flush puts SSTs in the place of mem parts in one step.
struct PartList: Sendable {
    var ssts: [TableSegment: [SSTPart]] = [:]
    /// Older first.
    var mems: [MemPartView] = []
    /// Definitions by number.
    var tables: [UInt16: TableDefinition]
    /// Rows before this time are past retention; `Int64.min` without one.
    var oldestTime = Int64.min

    init(tables: [TableDefinition]) {
        self.tables = Dictionary(tables.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func add(_ part: SSTPart) {
        let place = TableSegment(table: part.metadata.table, segment: part.metadata.segment)
        var runs = ssts[place] ?? []
        let at = runs.firstIndex { $0.metadata.minSequence > part.metadata.minSequence } ?? runs.count
        runs.insert(part, at: at)
        ssts[place] = runs
    }

    /// Takes the parts out and returns them.
    mutating func remove(_ ids: Set<SSTID>) -> [SSTPart] {
        var removed: [SSTPart] = []
        for (place, runs) in ssts {
            let gone = runs.filter { ids.contains($0.metadata.id) }
            guard !gone.isEmpty else { continue }
            removed += gone
            let rest = runs.filter { !ids.contains($0.metadata.id) }
            ssts[place] = rest.isEmpty ? nil : rest
        }
        return removed
    }

    /// What is wrong with it; empty when the invariants hold.
    func problems() -> [String] {
        var found: [String] = []
        for (place, runs) in ssts {
            for (a, b) in zip(runs, runs.dropFirst()) where a.metadata.maxSequence >= b.metadata.minSequence {
                found.append("\(place): sequence ranges of \(a.metadata.id) and \(b.metadata.id) overlap")
            }
            for part in runs where part.metadata.segment != place.segment || part.metadata.table != place.table {
                found.append("\(part.metadata.id) is filed under another segment or table")
            }
        }
        return found
    }
}
