import Columnar
import MetricModel
import Platform

/// One pass over an inflated `WriteRequest`: samples into columns, no object per sample.
///
/// - A series message ends with its only sample, 18 bytes of a fixed form (9 when the value is 0): the bytes before are
///   taken for its labels and hashed. A known hash proves the guess, because only byte strings that parsed wholly as
///   labels are ever remembered. What is not known is walked in full.
/// - Nothing here stores: a malformed body throws before anything has happened.
struct RemoteWriteWalk {
    private struct Guess {
        var labels: Range<Int>
        var message: Range<Int>
        var timestamp: Int64
        var value: Double
    }

    private let bytes: UnsafeRawBufferPointer
    private let resolver: any SeriesResolver
    private let hash: KeyedHash128

    private(set) var columns = SampleColumns()
    private(set) var outcome = AppendOutcome()
    private(set) var metadata: [MetricMetadata] = []
    private(set) var histograms = 0
    private(set) var exemplars = 0

    /// - Parameter bytes: must outlive the walk.
    init(_ bytes: UnsafeRawBufferPointer, resolver: any SeriesResolver) {
        self.bytes = bytes
        self.resolver = resolver
        hash = resolver.spellingHash
    }

    mutating func run() throws(RemoteWriteError) {
        var guesses: [Guess] = []
        var hashes: [Hash128] = []
        var others: [Range<Int>] = []
        // A series takes some 100 bytes; a wrong estimate costs a reallocation.
        guesses.reserveCapacity(bytes.count / 128)
        hashes.reserveCapacity(bytes.count / 128)
        var cursor = ProtobufCursor(bytes, 0..<bytes.count)
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            guard type == .lengthDelimited else {
                try cursor.skip(type)
                continue
            }
            let message = try cursor.message()
            switch field {
            case 1:
                if let guess = guess(message) {
                    guesses.append(guess)
                    hashes.append(hash.hash(UnsafeRawBufferPointer(rebasing: bytes[guess.labels])))
                } else {
                    others.append(message)
                }
            case 3: metadata.append(try readMetadata(message))
            default: break
            }
        }
        var ordinals = [UInt32](repeating: SeriesOrdinal.unknown, count: hashes.count)
        resolver.resolve(hashes, into: &ordinals)
        columns.series.reserveCapacity(guesses.count)
        columns.timestamps.reserveCapacity(guesses.count)
        columns.values.reserveCapacity(guesses.count)
        for (i, guess) in guesses.enumerated() {
            if ordinals[i] != SeriesOrdinal.unknown {
                columns.append(ordinals[i], guess.timestamp, guess.value)
            } else {
                try readSeries(guess.message)
            }
        }
        for message in others { try readSeries(message) }
    }

    /// Labels, then one sample of the usual form at the very end; nil when the end looks different.
    private func guess(_ message: Range<Int>) -> Guess? {
        // 12 10 09 <8 bytes> 10 <6 bytes> and, without a value, 12 07 10 <6 bytes>: times of 1978 … 2109.
        if message.count >= 18 {
            let at = message.upperBound - 18
            if bytes[at] == 0x12, bytes[at + 1] == 0x10, bytes[at + 2] == 0x09, bytes[at + 11] == 0x10,
                let time = sixByteVarint(at + 12)
            {
                let bits = bytes.loadUnaligned(fromByteOffset: at + 3, as: UInt64.self).littleEndian
                return Guess(
                    labels: message.lowerBound..<at, message: message, timestamp: time,
                    value: Double(bitPattern: bits))
            }
        }
        if message.count >= 9 {
            let at = message.upperBound - 9
            if bytes[at] == 0x12, bytes[at + 1] == 0x07, bytes[at + 2] == 0x10, let time = sixByteVarint(at + 3) {
                return Guess(labels: message.lowerBound..<at, message: message, timestamp: time, value: 0)
            }
        }
        return nil
    }

    /// A varint of exactly six bytes; `at + 6 <= bytes.count` by the callers' arithmetic.
    private func sixByteVarint(_ at: Int) -> Int64? {
        var value: Int64 = 0
        for i in 0..<6 {
            let byte = bytes[at + i]
            guard (byte >= 0x80) == (i < 5) else { return nil }
            value |= Int64(byte & 0x7f) << Int64(7 * i)
        }
        return value
    }

    // MARK: In full

    private mutating func readSeries(_ message: Range<Int>) throws(RemoteWriteError) {
        var cursor = ProtobufCursor(bytes, message)
        var labels: [(name: Range<Int>, value: Range<Int>)] = []
        var samples: [(timestamp: Int64, value: Double)] = []
        // Labels that stand first, one behind the other, are a spelling that can be remembered.
        var labelsEnd = message.lowerBound
        var isPrefix = true
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            guard type == .lengthDelimited else {
                isPrefix = isPrefix && field != 1
                try cursor.skip(type)
                if labelsEnd == message.lowerBound { isPrefix = false }
                continue
            }
            let start = cursor.at
            let inner = try cursor.message()
            switch field {
            case 1:
                labels.append(try readLabel(inner))
                // The key of field 1 is one byte.
                if isPrefix, labelsEnd == start - 1 { labelsEnd = inner.upperBound } else { isPrefix = false }
            case 2: samples.append(try readSample(inner))
            case 3: exemplars += 1
            case 4: histograms += 1
            default: break
            }
        }
        guard !samples.isEmpty else { return }
        guard let (metric, encoded) = canonical(labels, samples: samples.count) else { return }
        let spelling =
            isPrefix ? hash.hash(UnsafeRawBufferPointer(rebasing: bytes[message.lowerBound..<labelsEnd])) : nil
        let series = columns.newSeries.append(metric: metric[...], labels: encoded[...], spelling: spelling)
        for sample in samples { columns.append(series, sample.timestamp, sample.value) }
    }

    private func readLabel(_ message: Range<Int>) throws(RemoteWriteError) -> (name: Range<Int>, value: Range<Int>) {
        var cursor = ProtobufCursor(bytes, message)
        var name = message.lowerBound..<message.lowerBound
        var value = name
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            if field <= 2, type != .lengthDelimited {
                throw RemoteWriteError(offset: cursor.at, "a label that is not text")
            }
            switch field {
            case 1: name = try cursor.message()
            case 2: value = try cursor.message()
            default: try cursor.skip(type)
            }
        }
        return (name, value)
    }

    private func readSample(_ message: Range<Int>) throws(RemoteWriteError) -> (timestamp: Int64, value: Double) {
        var cursor = ProtobufCursor(bytes, message)
        var timestamp: Int64 = 0
        var value = 0.0
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            switch (field, type) {
            case (1, .fixed64): value = Double(bitPattern: try cursor.fixed64())
            case (2, .varint): timestamp = Int64(bitPattern: try cursor.varint())
            case (1, _), (2, _): throw RemoteWriteError(offset: cursor.at, "a sample's field of the wrong type")
            default: try cursor.skip(type)
            }
        }
        return (timestamp, value)
    }

    /// Name and canonical labels; nil when the series is refused, which is counted.
    private mutating func canonical(
        _ labels: [(name: Range<Int>, value: Range<Int>)], samples: Int
    ) -> (metric: [UInt8], labels: [UInt8])? {
        let bytes = bytes
        func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }
        func text(_ range: Range<Int>) -> String { String(decoding: slice(range).prefix(256), as: UTF8.self) }
        func described() -> String {
            "{" + labels.prefix(8).map { "\(text($0.name))=\"\(text($0.value))\"" }.joined(separator: ", ") + "}"
        }
        let sorted = labels.sorted { slice($0.name).lexicographicallyPrecedes(slice($1.name)) }
        var metric: [UInt8] = []
        var encoded: [UInt8] = []
        var previous: Range<Int>?
        for label in sorted {
            let name = slice(label.name)
            let value = slice(label.value)
            if let previous, slice(previous).elementsEqual(name) {
                outcome.refuse(.duplicateLabel, samples: samples, "\(described()) has label \(text(label.name)) twice")
                return nil
            }
            previous = label.name
            guard !name.isEmpty else {
                outcome.refuse(.emptyLabelName, samples: samples, "\(described()) has a label without a name")
                return nil
            }
            guard String(validating: name, as: UTF8.self) != nil, String(validating: value, as: UTF8.self) != nil else {
                outcome.refuse(.notUTF8, samples: samples, "\(described()) has a label that is not UTF-8")
                return nil
            }
            if value.isEmpty { continue }
            if name.elementsEqual(Labels.metricNameLabel.utf8) {
                metric = Array(value)
            } else {
                LabelEncoding.append(name: name, value: value, to: &encoded)
            }
        }
        guard !metric.isEmpty else {
            outcome.refuse(.noMetricName, samples: samples, "\(described()) has no metric name (__name__)")
            return nil
        }
        return (metric, encoded)
    }

    private static let types = [
        "unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset",
    ]

    private func readMetadata(_ message: Range<Int>) throws(RemoteWriteError) -> MetricMetadata {
        var cursor = ProtobufCursor(bytes, message)
        var found = MetricMetadata(family: "", type: "unknown", help: "", unit: "")
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            switch (field, type) {
            case (1, .varint):
                let number = try cursor.varint()
                found.type = number < UInt64(Self.types.count) ? Self.types[Int(number)] : "unknown"
            case (2, .lengthDelimited): found.family = text(try cursor.message())
            case (4, .lengthDelimited): found.help = text(try cursor.message())
            case (5, .lengthDelimited): found.unit = text(try cursor.message())
            default: try cursor.skip(type)
            }
        }
        return found
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}
