import Columnar
import MetricModel

/// The label sets of a batch that came without an ordinal, in the order in which they get their ids.
struct NewSeriesInOrder: Sendable {
    /// Those that break a limit of their own.
    private(set) var refused: [(index: Int, refusal: SampleRefusal)] = []
    var series: [PendingSeries] = []
    private(set) var codes = LabelSetCodes()
    /// Series that the index had.
    let indexCount: Int

    init(_ new: NewSeriesColumns, _ limits: MetricLimits, _ index: LabelIndexView) {
        indexCount = index.count
        var reader = LabelSetReader(index)
        series.reserveCapacity(new.count)
        new.metrics.withRows { metrics in
            new.labels.withRows { labels in
                for i in 0..<new.count {
                    var one = PendingSeries(index: i)
                    var check = LabelCheck(limits, metric: metrics[i])
                    let text = labels[i]
                    one.entry = reader.takeApart(metric: metrics[i], labels: text, &codes) { name, value in
                        check.note(name, value)
                        one.note(name, value, text)
                    }
                    if let refusal = check.refusal { refused.append((i, refusal)) } else { series.append(one) }
                }
                PendingSeries.sort(&series, metrics, labels)
            }
        }
    }
}

/// The limits of one label set, label by label.
private struct LabelCheck {
    private let limits: MetricLimits
    private var count = 0
    private var fault: SampleRefusal?

    init(_ limits: MetricLimits, metric: UnsafeRawBufferPointer) {
        self.limits = limits
        if metric.count > limits.labelNameBytes { fault = .labelNameTooLong }
    }

    mutating func note(_ name: Range<Int>, _ value: Range<Int>) {
        count += 1
        if name.count > limits.labelNameBytes { fault = fault ?? .labelNameTooLong }
        if value.count > limits.labelValueBytes { fault = fault ?? .labelValueTooLong }
    }

    var refusal: SampleRefusal? { count > limits.labelsPerSeries ? .tooManyLabels : fault }
}

/// A label set that the registry does not have: where it is among the new ones of a batch, and where its job and instance
/// lie.
///
/// - Order: by metric, job, instance and the rest, each byte by byte.
struct PendingSeries: Sendable {
    let index: Int
    private var job = 0..<0
    private var instance = 0..<0

    /// Its codes, as far as the index has them.
    var entry = LabelSetCodes.Entry(metric: LabelSetCodes.unknown, labels: 0..<0)

    init(index: Int) { self.index = index }

    mutating func note(_ name: Range<Int>, _ value: Range<Int>, _ labels: UnsafeRawBufferPointer) {
        if Self.isName("job", labels[name]) { job = value }
        if Self.isName("instance", labels[name]) { instance = value }
    }

    private static func isName(_ text: StaticString, _ name: Slice<UnsafeRawBufferPointer>) -> Bool {
        text.withUTF8Buffer {
            ByteOrder.areEqual(UnsafeRawBufferPointer($0), UnsafeRawBufferPointer(rebasing: name))
        }
    }

    private func precedes(_ other: Self, _ metrics: ByteRows, _ labels: ByteRows) -> Bool {
        var order = ByteOrder.compare(metrics[index], metrics[other.index])
        if order != 0 { return order < 0 }
        order = ByteOrder.compare(job(labels), other.job(labels))
        if order != 0 { return order < 0 }
        return precedesAmongEqualJobs(other, labels)
    }

    private func precedesAmongEqualJobs(_ other: Self, _ labels: ByteRows) -> Bool {
        let order = ByteOrder.compare(instance(labels), other.instance(labels))
        if order != 0 { return order < 0 }
        return ByteOrder.compare(labels[index], labels[other.index]) < 0
    }

    private func job(_ labels: ByteRows) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: labels[index][job])
    }

    private func instance(_ labels: ByteRows) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: labels[index][instance])
    }

    // MARK: Sorting

    /// Sorts by numbers that stand for metric, job and the beginning of the instance; texts are compared where those are
    /// the same.
    static func sort(_ pending: inout [Self], _ metrics: ByteRows, _ labels: ByteRows) {
        guard pending.count > 1 else { return }
        var metricRanks = TextRanks()
        var jobRanks = TextRanks()
        var shared = pending[0].instance(labels)
        for series in pending {
            metricRanks.note(metrics[series.index])
            jobRanks.note(series.job(labels))
            shared = UnsafeRawBufferPointer(rebasing: shared[..<sharedLength(shared, series.instance(labels))])
        }
        guard metricRanks.isComplete, jobRanks.isComplete else {
            return pending.sort { $0.precedes($1, metrics, labels) }
        }
        var keys: [(word: UInt64, place: Int)] = []
        keys.reserveCapacity(pending.count)
        for (place, series) in pending.enumerated() {
            var word = UInt64(metricRanks.rank(of: metrics[series.index])) << 48
            word |= UInt64(jobRanks.rank(of: series.job(labels))) << 32
            let instance = series.instance(labels).dropFirst(shared.count).prefix(4)
            for (i, byte) in instance.enumerated() { word |= UInt64(byte) << UInt64(24 - 8 * i) }
            keys.append((word, place))
        }
        keys.sort { a, b in
            a.word != b.word
                ? a.word < b.word : pending[a.place].precedesAmongEqualJobs(pending[b.place], labels)
        }
        let old = pending
        for (to, key) in keys.enumerated() { pending[to] = old[key.place] }
    }

    private static func sharedLength(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let most = min(a.count, b.count)
        if ByteOrder.areEqual(
            UnsafeRawBufferPointer(rebasing: a[..<most]), UnsafeRawBufferPointer(rebasing: b[..<most]))
        {
            return most
        }
        var length = 0
        while a[length] == b[length] { length += 1 }
        return length
    }
}

/// The distinct texts among many, in order, as long as they are few.
///
/// - Beyond `most` it gives up: no rank is known.
struct TextRanks {
    static let most = 256
    private var texts: [UnsafeRawBufferPointer] = []
    private(set) var isComplete = true
    private var last = 0

    /// - Parameter text: lives as long as this is used.
    mutating func note(_ text: UnsafeRawBufferPointer) {
        guard isComplete else { return }
        if last < texts.count, ByteOrder.areEqual(texts[last], text) { return }
        let (place, isThere) = find(text)
        last = place
        if isThere { return }
        texts.insert(text, at: place)
        if texts.count > Self.most {
            isComplete = false
            texts = []
        }
    }

    /// How many of the texts come before `text`, which was noted.
    /// - Precondition: it is complete.
    mutating func rank(of text: UnsafeRawBufferPointer) -> Int {
        if last < texts.count, ByteOrder.areEqual(texts[last], text) { return last }
        last = find(text).place
        return last
    }

    private func find(_ text: UnsafeRawBufferPointer) -> (place: Int, isThere: Bool) {
        var low = 0
        var high = texts.count
        while low < high {
            let middle = (low + high) / 2
            let order = ByteOrder.compare(texts[middle], text)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }
}
