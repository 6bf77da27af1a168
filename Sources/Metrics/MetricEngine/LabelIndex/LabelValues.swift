import MetricModel

/// The values of one label.
extension LabelIndexView {
    /// In byte order, those of series that were chosen; nil: of all, since each value came with a series.
    func values(of name: String, _ chosen: [UInt32]?) -> TextList {
        let symbols: SymbolView
        var codes = OrdinalSet()
        if name.hasSameBytes(as: Labels.metricNameLabel) {
            symbols = metrics
            for ordinal in chosen ?? [] { codes.insert(metricOf[Int(ordinal)]) }
        } else {
            guard let wanted = names.code(of: name) else { return TextList() }
            symbols = values[Int(wanted)]
            var lastShape = UInt32.max
            var at: Int?
            var last = UInt32.max
            for ordinal in chosen ?? [] {
                let shape = shapeOf[Int(ordinal)]
                if shape != lastShape { at = position(of: wanted, inShape: shape) }
                lastShape = shape
                guard let at else { continue }
                let code = self.codes[firstCode(of: ordinal) + at]
                if code != last { codes.insert(code) }
                last = code
            }
        }
        var texts = TextList()
        let wanted = chosen == nil ? Array(0..<UInt32(symbols.count)) : codes.members
        texts.reserve(wanted.count)
        for code in symbols.sorted(wanted) { texts.append(symbols.text(code)) }
        return texts
    }
}

extension SymbolView {
    /// In the order of their texts.
    func sorted(_ codes: [UInt32]) -> [UInt32] {
        guard var first = codes.first.map({ text($0) }) else { return [] }
        // What all begin with tells none apart; the sixteen bytes after it most.
        for code in codes { first = UnsafeRawBufferPointer(rebasing: first[..<Self.shared(first, text(code))]) }
        var keyed = codes.map { code in
            let rest = UnsafeRawBufferPointer(rebasing: text(code)[first.count...])
            let low = rest.count > 8 ? Self.prefix(UnsafeRawBufferPointer(rebasing: rest[8...])) : 0
            return (high: Self.prefix(rest), low: low, code: code)
        }
        keyed.sort { a, b in
            if a.high != b.high { return a.high < b.high }
            if a.low != b.low { return a.low < b.low }
            return ByteOrder.compare(text(a.code), text(b.code)) < 0
        }
        return keyed.map(\.code)
    }

    private static func shared(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        var count = 0
        while count < min(a.count, b.count), a[count] == b[count] { count += 1 }
        return count
    }

    /// The first eight bytes as a number. Shorter texts are filled with zeros: where these make two equal, the texts decide.
    private static func prefix(_ text: UnsafeRawBufferPointer) -> UInt64 {
        if text.count >= 8 { return UInt64(bigEndian: text.loadUnaligned(as: UInt64.self)) }
        var prefix: UInt64 = 0
        for byte in text { prefix = prefix << 8 | UInt64(byte) }
        return text.isEmpty ? 0 : prefix << UInt64(8 * (8 - text.count))
    }
}
