import MetricModel

/// A `LabelIndex` at one moment: what queries read, outside any lock.
struct LabelIndexView: Sendable {
    let metrics: SymbolView
    let names: SymbolView
    /// By code of the label name.
    let values: [SymbolView]
    let shapeEnds: ColumnView<UInt32>
    let shapeNames: ColumnView<UInt32>
    let metricOf: ColumnView<UInt32>
    let shapeOf: ColumnView<UInt32>
    let codeEnds: ColumnView<Int>
    let codes: ColumnView<UInt32>
    let seriesOfMetric: [ColumnView<UInt32>]

    var count: Int { metricOf.count }

    /// Codes of a shape's label names, in byte order of the names.
    @inline(__always)
    func names(ofShape shape: UInt32) -> UnsafeBufferPointer<UInt32> {
        let i = Int(shape)
        return shapeNames.slice((i == 0 ? 0 : Int(shapeEnds[i - 1]))..<Int(shapeEnds[i]))
    }

    /// Where a label stands in a shape; nil when series of that shape do not carry it.
    @inline(__always)
    func position(of name: UInt32, inShape shape: UInt32) -> Int? {
        names(ofShape: shape).firstIndex(of: name)
    }

    @inline(__always)
    func firstCode(of ordinal: UInt32) -> Int { ordinal == 0 ? 0 : codeEnds[Int(ordinal) - 1] }

    /// Canonical label bytes of a series (`LabelEncoding`).
    func canonicalLabels(of ordinal: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        let first = firstCode(of: ordinal)
        for (k, name) in names(ofShape: shapeOf[Int(ordinal)]).enumerated() {
            LabelEncoding.append(
                name: names.text(name), value: values[Int(name)].text(codes[first + k]), to: &bytes)
        }
        return bytes
    }

    func metric(of ordinal: UInt32) -> UnsafeRawBufferPointer { metrics.text(metricOf[Int(ordinal)]) }

    func labels(of ordinal: UInt32) -> Labels {
        Labels(CodedLabels(IndexedLabels(self, CollectionOfOne(ordinal)), ordinal)).spelledOut
    }
}
