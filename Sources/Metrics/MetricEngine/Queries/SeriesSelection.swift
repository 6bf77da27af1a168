import Columnar
import MetricModel
import Platform
import StorageEngine
import Synchronization

/// The label sets that matchers choose in a range of time, and under which ids their samples lie in each segment.
struct SeriesSelection: Sendable {
    /// A label set: in the registry, or only in the index of an older segment.
    enum Group: Sendable {
        case registered(UInt32)
        case older(Labels)
    }
    /// Ids of one segment, ascending, each with its group.
    struct Segment: Sendable {
        var range: TimeRange
        var ids: [Int64]
        var groups: [UInt32]
    }

    let view: RegistryView
    fileprivate(set) var groups: [Group] = []
    fileprivate(set) var segments: [Segment] = []
    fileprivate var groupOfOrdinal = GroupOfOrdinal()

    /// Label sets in the order of the labels, with the group of each.
    func sortedLabels(of wanted: [UInt32]) -> [(labels: Labels, group: UInt32)] {
        var registered: [UInt32] = []
        registered.reserveCapacity(wanted.count)
        var older: [(labels: Labels, group: UInt32)] = []
        for group in wanted {
            switch groups[Int(group)] {
            case .registered(let ordinal): registered.append(ordinal)
            case .older(let labels): older.append((labels, group))
            }
        }
        LabelRanks.sort(&registered, in: view.index)
        let source = IndexedLabels(view.index, registered)
        let sorted = registered.map { (labels: source.labels(of: $0), group: groupOfOrdinal.group(of: $0)) }
        guard !older.isEmpty else { return sorted }
        older.sort { $0.labels < $1.labels }
        var merged: [(labels: Labels, group: UInt32)] = []
        merged.reserveCapacity(sorted.count + older.count)
        var at = 0
        for entry in older {
            while at < sorted.count, sorted[at].labels < entry.labels {
                merged.append(sorted[at])
                at += 1
            }
            merged.append(entry)
        }
        merged += sorted[at...]
        return merged
    }
}

/// The group of each registered series: most often all there are, or few.
struct GroupOfOrdinal: Sendable {
    private var few: [UInt32: UInt32] = [:]
    /// By ordinal, `none` where there is none; empty: `few` has them.
    private var all: [UInt32] = []
    private static let none = UInt32.max

    init() {}

    init(_ chosen: [UInt32], of count: Int) {
        if chosen.count > 1_024, chosen.count > count / 64 {
            all = [UInt32](repeating: Self.none, count: count)
            for (i, ordinal) in chosen.enumerated() { all[Int(ordinal)] = UInt32(i) }
        } else {
            few.reserveCapacity(chosen.count)
            for (i, ordinal) in chosen.enumerated() { few[ordinal] = UInt32(i) }
        }
    }

    func known(_ ordinal: UInt32) -> UInt32? {
        guard !all.isEmpty else { return few[ordinal] }
        let group = all[Int(ordinal)]
        return group == Self.none ? nil : group
    }

    /// Of an ordinal that has one.
    func group(of ordinal: UInt32) -> UInt32 {
        guard let group = known(ordinal) else { preconditionFailure("a series without a group") }
        return group
    }

    mutating func set(_ ordinal: UInt32, _ group: UInt32) {
        if all.isEmpty { few[ordinal] = group } else { all[Int(ordinal)] = group }
    }
}

extension MetricStore {
    /// Which series, of which segments.
    /// - Parameter matcherSets: a series satisfies all matchers of at least one set.
    /// - Throws: `StorageError`, `CancellationError`.
    func selection(
        _ matcherSets: [[LabelMatcher]], in times: ClosedRange<Int64>, snapshot: Snapshot
    ) async throws -> SeriesSelection {
        let ranges = snapshot.segments(of: SamplesTable.number, overlapping: times).sorted {
            $0.lowerBound < $1.lowerBound
        }
        // After the snapshot: whatever that shows is in the view.
        var selection = SeriesSelection(view: registry.view())
        let view = selection.view
        var alive = OrdinalSet()
        for range in ranges { if let set = view.alive[range.lowerBound] { alive.formUnion(set) } }
        var chosen = matcherSets.count == 1 ? view.index.select(matcherSets[0], among: alive) : []
        if matcherSets.count > 1 {
            var union = OrdinalSet()
            for matchers in matcherSets {
                for ordinal in view.index.select(matchers, among: alive) { union.insert(ordinal) }
            }
            union.visit { chosen.append($0) }
        }
        selection.groups = chosen.map { .registered($0) }
        selection.groupOfOrdinal = GroupOfOrdinal(chosen, of: view.index.count)
        var groupOfLabels: [Labels: UInt32] = [:]
        for range in ranges {
            var entries: [(id: Int64, group: UInt32)] = []
            if let set = view.alive[range.lowerBound] {
                entries.reserveCapacity(chosen.count)
                let hasExtras = !view.extraIDs.isEmpty
                for (i, ordinal) in chosen.enumerated() where set.contains(ordinal) {
                    entries.append((view.ids[Int(ordinal)], UInt32(i)))
                    if hasExtras {
                        for id in view.extraIDs[ordinal] ?? [] { entries.append((id, UInt32(i))) }
                    }
                }
            }
            if view.unloaded.contains(range.lowerBound) {
                let older = try await indexes.index(range, in: snapshot)
                var found = OrdinalSet()
                for matchers in matcherSets {
                    for ordinal in older.index.select(matchers, among: older.all) { found.insert(ordinal) }
                }
                add(older, found, to: &selection, &groupOfLabels, &entries)
            }
            guard !entries.isEmpty else { continue }
            if !entries.isSortedByID { entries.sort { $0.id < $1.id } }
            var segment = SeriesSelection.Segment(range: range, ids: [], groups: [])
            segment.ids.reserveCapacity(entries.count)
            segment.groups.reserveCapacity(entries.count)
            for entry in entries where segment.ids.last != entry.id {
                segment.ids.append(entry.id)
                segment.groups.append(entry.group)
            }
            selection.segments.append(segment)
        }
        return selection
    }

    /// Series of an older segment's index join the label sets that are there already, or make new ones.
    private func add(
        _ older: SegmentIndex, _ found: OrdinalSet, to selection: inout SeriesSelection,
        _ groupOfLabels: inout [Labels: UInt32], _ entries: inout [(id: Int64, group: UInt32)]
    ) {
        let texts = IndexedLabels(older.index, found.members)
        let registered = selection.view.index.count
        found.visit { ordinal in
            let labels = older.index.canonicalLabels(of: ordinal)
            let known = labels.withUnsafeBytes { labels in
                registry.state.withLock { $0.index.find(metric: older.index.metric(of: ordinal), labels: labels) }
            }
            let group: UInt32
            let next = UInt32(selection.groups.count)
            if let known, known < registered {
                if let there = selection.groupOfOrdinal.known(known) {
                    group = there
                } else {
                    group = next
                    selection.groupOfOrdinal.set(known, next)
                    selection.groups.append(.registered(known))
                }
            } else {
                let labels = texts.labels(of: ordinal).spelledOut
                if let there = groupOfLabels[labels] {
                    group = there
                } else {
                    group = next
                    groupOfLabels[labels] = next
                    selection.groups.append(.older(labels))
                }
            }
            for id in older.ids[Int(ordinal)] { entries.append((id, group)) }
        }
    }
}

extension [(id: Int64, group: UInt32)] {
    /// Series that are told in the order of their ids, as after a restart, need no sort.
    fileprivate var isSortedByID: Bool {
        withUnsafeBufferPointer { entries in
            for i in entries.indices.dropFirst() where entries[i].id < entries[i - 1].id { return false }
            return true
        }
    }
}
