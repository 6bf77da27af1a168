import Columnar
import ManifestLog

/// The parts of a region as a value.
///
/// - Of one table and segment, SSTs ascend by sequence range, then by id. Those with the same range are a *run*: pieces of
///   one sorted sequence of rows, in this order. Ranges of different runs do not overlap; mem parts come after them all.
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
        let own = (part.metadata.minSequence, part.metadata.id)
        let at = runs.firstIndex { ($0.metadata.minSequence, $0.metadata.id) > own } ?? runs.count
        runs.insert(part, at: at)
        ssts[place] = runs
    }

    /// The runs of a place, older first.
    func runs(of place: TableSegment) -> [[SSTPart]] {
        var found: [[SSTPart]] = []
        for part in ssts[place] ?? [] {
            if let last = found.last?.last, last.metadata.isPieceOfOneRun(with: part.metadata) {
                found[found.count - 1].append(part)
            } else {
                found.append([part])
            }
        }
        return found
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
            for (a, b) in zip(runs.map(\.metadata), runs.dropFirst().map(\.metadata)) {
                if a.isPieceOfOneRun(with: b) {
                    guard a.maxKey > b.minKey, tables[place.table]?.selectionColumn == 0 else { continue }
                    found.append("\(place): keys of \(a.id) and \(b.id), pieces of one run, overlap")
                } else if a.maxSequence >= b.minSequence {
                    found.append("\(place): sequence ranges of \(a.id) and \(b.id) overlap")
                }
            }
            for part in runs where part.metadata.segment != place.segment || part.metadata.table != place.table {
                found.append("\(part.metadata.id) is filed under another segment or table")
            }
        }
        return found
    }
}

extension SSTMetadata {
    /// Outputs of one flush or merge share its range of sequence numbers, and no others have it.
    func isPieceOfOneRun(with other: SSTMetadata) -> Bool {
        minSequence == other.minSequence && maxSequence == other.maxSequence
    }
}
