import Columnar
import MetricModel
import Platform
import StorageEngine

/// Series of a file into the registry, by the codes of the file's dictionaries.
///
/// - A label value is checked and looked up once for each dictionary that has it, and no label set is put together: that
///   is most of what a start has to do.
struct CodedSeriesLoading {
    /// By label column: the index's codes of the dictionary's values, `unmet` where no row had them yet.
    private var known: [[UInt32]] = []
    private static let unmet = UInt32.max

    /// - Returns: the ordinals, row by row.
    /// - Throws: when a row is not what this engine writes; then some may have been inserted.
    mutating func insert(
        _ rows: CodedSeriesRows, into state: inout RegistryState, names: MetricNames
    ) throws(StorageError) -> [UInt32] {
        for id in rows.ids where id < 0 {
            throw StorageError(.damaged, "the series table holds the id \(id); `varve verify` finds the file")
        }
        if rows.startsDictionaries || known.count != rows.labels.count {
            known = rows.labels.map { Array(repeating: Self.unmet, count: $0.dictionary.count) }
        }
        guard !rows.hasOtherLabels else { return try insertAssembled(rows, into: &state, names) }
        var matrix = LabelMatrix(rows: rows.ids.count)
        for (i, label) in rows.labels.enumerated() {
            try append(label, i, rows.ids, to: &matrix, &state)
        }
        return rows.metrics.withRows { state.insert(metrics: $0, matrix, ids: rows.ids, names: names) }
    }

    /// Rows some of whose labels have no column.
    private func insertAssembled(
        _ rows: CodedSeriesRows, into state: inout RegistryState, _ names: MetricNames
    ) throws(StorageError) -> [UInt32] {
        var ordinals: [UInt32] = []
        ordinals.reserveCapacity(rows.ids.count)
        for row in rows.ids.indices {
            var labels: [UInt8] = []
            rows.appendLabels(of: row, to: &labels)
            do throws(MalformedBytes) {
                try LabelEncoding.validate(labels[...])
            } catch { throw SeriesRows.malformed(rows.ids[row], error) }
            let ordinal = rows.metrics[row].withUnsafeBytes { metric in
                labels.withUnsafeBytes { labels in
                    state.insert(metric: metric, labels: labels, id: rows.ids[row], names: names)
                }
            }
            ordinals.append(ordinal)
        }
        return ordinals
    }

    private mutating func append(
        _ label: CodedSeriesRows.Label, _ column: Int, _ ids: [Int64], to matrix: inout LabelMatrix,
        _ state: inout RegistryState
    ) throws(StorageError) {
        guard label.codes.contains(where: { $0 != CodedSeriesRows.Label.absent }) else { return }
        let name = label.name.withUnsafeBytes { state.index.intern(name: $0) }
        var codes: [UInt32] = []
        codes.reserveCapacity(ids.count)
        for (row, code) in label.codes.enumerated() {
            guard code != CodedSeriesRows.Label.absent else {
                codes.append(LabelMatrix.absent)
                continue
            }
            var mine = known[column][Int(code)]
            if mine == Self.unmet {
                let value = label.dictionary[Int(code)]
                do throws(MalformedBytes) {
                    try LabelEncoding.validate(name: label.name[...], value: value)
                } catch { throw SeriesRows.malformed(ids[row], error) }
                mine = value.withUnsafeBytes { state.index.intern(value: $0, ofName: name) }
                known[column][Int(code)] = mine
            }
            codes.append(mine)
        }
        matrix.append(name: name, codes)
    }
}
