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
        var texts = LabelTexts(self)
        return texts.labels(of: ordinal)
    }
}

/// Makes `Labels` of many series, each distinct text once.
struct LabelTexts {
    private let view: LabelIndexView
    private var nameTexts: [String?]
    private var valueTexts: [UInt64: String] = [:]
    private var metricTexts: [UInt32: String] = [:]
    /// Of each shape: before which of its names `__name__` sorts.
    private var metricPositions: [UInt32: Int] = [:]

    init(_ view: LabelIndexView) {
        self.view = view
        nameTexts = Array(repeating: nil, count: view.names.count)
    }

    mutating func name(_ code: UInt32) -> String {
        if let known = nameTexts[Int(code)] { return known }
        let text = view.names.string(code)
        nameTexts[Int(code)] = text
        return text
    }

    mutating func value(_ code: UInt32, ofName name: UInt32) -> String {
        let key = UInt64(name) << 32 | UInt64(code)
        if let known = valueTexts[key] { return known }
        let text = view.values[Int(name)].string(code)
        valueTexts[key] = text
        return text
    }

    mutating func metric(_ code: UInt32) -> String {
        if let known = metricTexts[code] { return known }
        let text = view.metrics.string(code)
        metricTexts[code] = text
        return text
    }

    private mutating func metricPosition(inShape shape: UInt32) -> Int {
        if let known = metricPositions[shape] { return known }
        let names = view.names(ofShape: shape)
        var position = names.count
        for (k, code) in names.enumerated() where Labels.metricNameLabel.precedesByBytes(name(code)) {
            position = k
            break
        }
        metricPositions[shape] = position
        return position
    }

    mutating func labels(of ordinal: UInt32) -> Labels {
        let shape = view.shapeOf[Int(ordinal)]
        let names = view.names(ofShape: shape)
        let first = view.firstCode(of: ordinal)
        let metricAt = metricPosition(inShape: shape)
        let metricLabel = Labels.Label(Labels.metricNameLabel, metric(view.metricOf[Int(ordinal)]))
        var labels: [Labels.Label] = []
        labels.reserveCapacity(names.count + 1)
        for (k, code) in names.enumerated() {
            if k == metricAt { labels.append(metricLabel) }
            labels.append(Labels.Label(name(code), value(view.codes[first + k], ofName: code)))
        }
        if metricAt == names.count { labels.append(metricLabel) }
        return Labels(sorted: labels)
    }
}
