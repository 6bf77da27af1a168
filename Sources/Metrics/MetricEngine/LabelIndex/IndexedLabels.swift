import MetricModel

/// Some series of an index as label sets whose texts are made when they are read.
final class IndexedLabels: LabelSource {
    let view: LabelIndexView
    private struct Shape {
        let names: [String]
        /// Before which of the index's names `__name__` sorts.
        let metricAt: Int
    }
    private let shapes: [Shape]
    /// Of each of the index's shapes: where it stands in `shapes`; those of no chosen series have none.
    private let slots: [Int32]

    /// - Parameter ordinals: no others may be asked for.
    init(_ view: LabelIndexView, _ ordinals: some Sequence<UInt32>) {
        self.view = view
        var slots = [Int32](repeating: -1, count: view.shapeEnds.count)
        var shapes: [Shape] = []
        for ordinal in ordinals {
            let shape = Int(view.shapeOf[Int(ordinal)])
            guard slots[shape] < 0 else { continue }
            slots[shape] = Int32(shapes.count)
            var names = view.names(ofShape: UInt32(shape)).map { view.names.string($0) }
            let metricAt = names.firstIndex { Labels.metricNameLabel.precedesByBytes($0) } ?? names.count
            names.insert(Labels.metricNameLabel, at: metricAt)
            shapes.append(Shape(names: names, metricAt: metricAt))
        }
        self.shapes = shapes
        self.slots = slots
    }

    func labels(of ordinal: UInt32) -> Labels { Labels(CodedLabels(self, ordinal)) }

    private func known(_ shape: UInt32) -> Shape {
        let slot = slots[Int(shape)]
        precondition(slot >= 0, "a series that was not chosen")
        return shapes[Int(slot)]
    }

    func shape(of ordinal: UInt32) -> UInt32 { view.shapeOf[Int(ordinal)] }
    func names(ofShape shape: UInt32) -> [String] { known(shape).names }

    func code(of ordinal: UInt32, at position: Int) -> UInt32 {
        let slot = Int(slots[Int(view.shapeOf[Int(ordinal)])])
        let metricAt = shapes[slot].metricAt
        if position == metricAt { return view.metricOf[Int(ordinal)] }
        return view.codes[view.firstCode(of: ordinal) + position - (position > metricAt ? 1 : 0)]
    }

    func value(of ordinal: UInt32, at position: Int) -> String {
        let shape = view.shapeOf[Int(ordinal)]
        let metricAt = known(shape).metricAt
        if position == metricAt { return view.metrics.string(view.metricOf[Int(ordinal)]) }
        let place = position - (position > metricAt ? 1 : 0)
        let name = view.names(ofShape: shape)[place]
        return view.values[Int(name)].string(view.codes[view.firstCode(of: ordinal) + place])
    }

    func forEachPair(of ordinal: UInt32, _ body: (String, UnsafeRawBufferPointer) -> Void) {
        let shape = view.shapeOf[Int(ordinal)]
        let known = known(shape)
        let names = view.names(ofShape: shape)
        let first = view.firstCode(of: ordinal)
        for (position, name) in known.names.enumerated() {
            if position == known.metricAt {
                body(name, view.metrics.text(view.metricOf[Int(ordinal)]))
            } else {
                let place = position - (position > known.metricAt ? 1 : 0)
                body(name, view.values[Int(names[place])].text(view.codes[first + place]))
            }
        }
    }

    func precedes(_ a: UInt32, _ b: UInt32) -> Bool { view.precedes(a, b) }
}
