import MetricModel

extension LabelIndexView {
    /// The order of the labels (`Labels.<`), decided by codes and by as few texts as need be.
    func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
        var x = LabelCursor(self, a)
        var y = LabelCursor(self, b)
        while true {
            guard let left = x.next() else { return y.next() != nil }
            guard let right = y.next() else { return false }
            if left.name != right.name {
                let order = ByteOrder.compare(text(left.name), text(right.name))
                if order != 0 { return order < 0 }
            }
            if left.value != right.value || left.name != right.name {
                let order = ByteOrder.compare(value(left), value(right))
                if order != 0 { return order < 0 }
            }
        }
    }

    /// Pairs of one series in byte order of the names, `__name__` among them.
    private struct LabelCursor {
        let view: LabelIndexView
        let names: UnsafeBufferPointer<UInt32>
        let first: Int
        let metric: UInt32
        var at = 0
        var metricIsOut = false

        init(_ view: LabelIndexView, _ ordinal: UInt32) {
            self.view = view
            names = view.names(ofShape: view.shapeOf[Int(ordinal)])
            first = view.firstCode(of: ordinal)
            metric = view.metricOf[Int(ordinal)]
        }

        mutating func next() -> LabelPair? {
            if !metricIsOut, at == names.count || view.sortsAfterMetricName(names[at]) {
                metricIsOut = true
                return LabelPair(name: LabelPair.metricName, value: metric)
            }
            guard at < names.count else { return nil }
            defer { at += 1 }
            return LabelPair(name: names[at], value: view.codes[first + at])
        }
    }

    private struct LabelPair {
        /// Stands for `__name__`, which has no code.
        static let metricName = UInt32.max
        let name: UInt32
        let value: UInt32
    }

    private static let metricNameText = StaticString("__name__")

    private func text(_ name: UInt32) -> UnsafeRawBufferPointer {
        name == LabelPair.metricName
            ? UnsafeRawBufferPointer(
                start: Self.metricNameText.utf8Start, count: Self.metricNameText.utf8CodeUnitCount)
            : names.text(name)
    }

    private func value(_ pair: LabelPair) -> UnsafeRawBufferPointer {
        pair.name == LabelPair.metricName ? metrics.text(pair.value) : values[Int(pair.name)].text(pair.value)
    }

    @inline(__always)
    private func sortsAfterMetricName(_ name: UInt32) -> Bool {
        // Lower-case names sort after `_`, which settles nearly all.
        let text = names.text(name)
        guard let first = text.first else { return false }
        if first != UInt8(ascii: "_") { return first > UInt8(ascii: "_") }
        return ByteOrder.compare(text, self.text(LabelPair.metricName)) > 0
    }
}
