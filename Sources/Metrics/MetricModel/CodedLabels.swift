/// Label sets by number, their texts behind codes: an index of series, as one query sees it.
///
/// - Different numbers are different label sets.
/// - A *shape* is a list of label names, `__name__` among them, in byte order. Series of one shape have just these labels.
/// - Codes stand for values: for one label name, whatever the shapes, equal codes are equal values.
public protocol LabelSource: AnyObject, Sendable {
    func shape(of ordinal: UInt32) -> UInt32
    func names(ofShape shape: UInt32) -> [String]
    /// Of the value of the shape's label number `position`.
    func code(of ordinal: UInt32, at position: Int) -> UInt32
    func value(of ordinal: UInt32, at position: Int) -> String
    /// The order of the labels (`Labels.<`).
    func precedes(_ a: UInt32, _ b: UInt32) -> Bool
    /// Calls `body` with the name of each label, in byte order, and the bytes of its value.
    func forEachPair(of ordinal: UInt32, _ body: (String, UnsafeRawBufferPointer) -> Void)
}

extension LabelSource {
    public func forEachPair(of ordinal: UInt32, _ body: (String, UnsafeRawBufferPointer) -> Void) {
        for (position, name) in names(ofShape: shape(of: ordinal)).enumerated() {
            var value = value(of: ordinal, at: position)
            value.withUTF8 { body(name, UnsafeRawBufferPointer($0)) }
        }
    }
}

/// One label set of a source, with or without the names of its metric.
public struct CodedLabels: Sendable {
    public let source: any LabelSource
    public let ordinal: UInt32
    /// Whether `metadataNames` are passed over.
    public let isNameless: Bool

    public init(_ source: any LabelSource, _ ordinal: UInt32, isNameless: Bool = false) {
        self.source = source
        self.ordinal = ordinal
        self.isNameless = isNameless
    }

    /// The label names that describe a metric as a whole and go when an operation changes what it means.
    public static let metadataNames = [Labels.metricNameLabel, "__type__", "__unit__"]

    static func isMetadata(_ name: String) -> Bool { metadataNames.contains { $0.hasSameBytes(as: name) } }

    func pairs(_ isKept: (String) -> Bool) -> [Labels.Label] {
        let names = source.names(ofShape: source.shape(of: ordinal))
        var pairs: [Labels.Label] = []
        pairs.reserveCapacity(names.count)
        for (position, name) in names.enumerated()
        where !(isNameless && Self.isMetadata(name)) && isKept(name) {
            pairs.append(Labels.Label(name, source.value(of: ordinal, at: position)))
        }
        return pairs
    }

    func forEachPair(_ body: (String, UnsafeRawBufferPointer) -> Void) {
        source.forEachPair(of: ordinal) { name, value in
            if !(isNameless && Self.isMetadata(name)) { body(name, value) }
        }
    }

    var count: Int {
        let names = source.names(ofShape: source.shape(of: ordinal))
        return isNameless ? names.reduce(0) { Self.isMetadata($1) ? $0 : $0 + 1 } : names.count
    }

    func value(of name: String) -> String? {
        if isNameless, Self.isMetadata(name) { return nil }
        let names = source.names(ofShape: source.shape(of: ordinal))
        guard let position = names.firstIndex(where: { $0.hasSameBytes(as: name) }) else { return nil }
        return source.value(of: ordinal, at: position)
    }

    /// nil: the numbers do not tell.
    func isSame(as other: CodedLabels) -> Bool? {
        guard source === other.source, isNameless == other.isNameless else { return nil }
        if ordinal == other.ordinal { return true }
        return isNameless ? nil : false
    }

    /// nil: the numbers do not tell.
    func precedes(_ other: CodedLabels) -> Bool? {
        guard source === other.source, !isNameless, !other.isNameless else { return nil }
        return source.precedes(ordinal, other.ordinal)
    }
}

extension Labels {
    /// Without the names that describe a metric as a whole (`CodedLabels.metadataNames`).
    public var withoutMetadata: Labels {
        if let coded { return Labels(CodedLabels(coded.source, coded.ordinal, isNameless: true)) }
        guard labels.contains(where: { CodedLabels.isMetadata($0.name) }) else { return self }
        return filter { !CodedLabels.isMetadata($0) }
    }
}
