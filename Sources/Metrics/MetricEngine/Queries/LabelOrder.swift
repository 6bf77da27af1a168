import MetricModel

extension LabelIndexView {
    /// The order of the labels (`Labels.<`), decided by codes and by as few texts as need be.
    func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
        var x = LabelCursor(self, a)
        var y = LabelCursor(self, b)
        while true {
            guard let left = next(&x) else { return next(&y) != nil }
            guard let right = next(&y) else { return false }
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

    /// Where the reading of a series' pairs stands. It holds no view: copying one costs more than a comparison.
    private struct LabelCursor {
        let names: UnsafeBufferPointer<UInt32>
        let first: Int
        let metric: UInt32
        var at = 0
        var metricIsOut = false

        init(_ view: LabelIndexView, _ ordinal: UInt32) {
            names = view.names(ofShape: view.shapeOf[Int(ordinal)])
            first = view.firstCode(of: ordinal)
            metric = view.metricOf[Int(ordinal)]
        }
    }

    /// Pairs of one series in byte order of the names, `__name__` among them.
    @inline(__always)
    private func next(_ cursor: inout LabelCursor) -> LabelPair? {
        if !cursor.metricIsOut, cursor.at == cursor.names.count || sortsAfterMetricName(cursor.names[cursor.at]) {
            cursor.metricIsOut = true
            return LabelPair(name: LabelPair.metricName, value: cursor.metric)
        }
        guard cursor.at < cursor.names.count else { return nil }
        defer { cursor.at += 1 }
        return LabelPair(name: cursor.names[cursor.at], value: codes[cursor.first + cursor.at])
    }

    private struct LabelPair {
        /// Stands for `__name__`, which has no code.
        static let metricName = UInt32.max
        let name: UInt32
        let value: UInt32
    }

    private static let metricNameText = StaticString("__name__")
    static var textOfMetricName: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: metricNameText.utf8Start, count: metricNameText.utf8CodeUnitCount)
    }

    private func text(_ name: UInt32) -> UnsafeRawBufferPointer {
        name == LabelPair.metricName ? Self.textOfMetricName : names.text(name)
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
