public import MetricModel
import Platform

/// What a remote-write 1.0 body holds, ready to append.
public struct DecodedWrite: Sendable {
    public var columns = SampleColumns()
    /// Samples that are not in `columns` because their series' labels are bad.
    public var refused = AppendOutcome()
    public var metadata: [MetricMetadata] = []
    public var histogramsSkipped = 0
    public var exemplarsSkipped = 0
    public init() {}
}

/// Remote write 1.0 (`prometheus.WriteRequest`), unpacked: bytes to columns, without an object per sample.
///
/// Steps:
/// 1. Walk the messages. The last sample of each is guessed from its tail and what stands before is hashed; a message
///    that does not look so is walked in full.
/// 2. Ask the resolver for all hashes at once. A hit proves the guess.
/// 3. Walk the others in full, hash their labels as sent, ask again.
/// 4. Parse the labels of what is still unknown: sorted, checked, made canonical.
///
/// - A malformed body throws before anything is stored; label sets that are bad in a well-formed body are refused one by
///   one.
/// - Keeps its buffers: one decoder per worker, one body at a time.
public struct RemoteWriteDecoder: Sendable {
    /// One series message with samples.
    private struct Message {
        var start: Int
        var end: Int
        /// Of a guess; the rest counts only while `walked` is −1.
        var timestamp: Int64
        var value: Double
        /// Index into `walked`; −1: not walked.
        var walked: Int
    }

    /// A series message walked in full.
    private struct Walked {
        /// Label fields, one behind the other: in the body, or in `assembled` when other fields stood between them.
        var labels: Range<Int>
        var isAssembled: Bool
        /// Indices into `timestamps` and `values`.
        var samples: Range<Int>
        var spelling: Hash128
        var ordinal: UInt32
    }

    private let limits: IngestLimits
    private var messages: [Message] = []
    private var spellings: [Hash128] = []
    private var ordinals: [UInt32] = []
    private var walked: [Walked] = []
    private var timestamps: [Int64] = []
    private var values: [Double] = []
    private var assembled: [UInt8] = []
    private var parser = LabelParser()
    private var metadata: [MetricMetadata] = []
    private var histograms = 0
    private var exemplars = 0
    /// A message turned out to have no sample: it is among `messages` and counts for nothing.
    private var hasDropped = false

    public init(limits: IngestLimits = IngestLimits()) { self.limits = limits }

    /// - Throws: `.refused` when the body is not such a message, naming the byte.
    public mutating func decode(_ body: [UInt8], resolver: any SeriesResolver) throws(IngestError) -> DecodedWrite {
        try decode(body.span.bytes, resolver: resolver)
    }

    mutating func decode(_ body: RawSpan, resolver: any SeriesResolver) throws(IngestError) -> DecodedWrite {
        removeAll()
        do throws(MalformedMessage) {
            return try body.withUnsafeBytes { (base) throws(MalformedMessage) -> DecodedWrite in
                try walk(base, resolver.spellingHash)
                Self.resolve(spellings, resolver, into: &ordinals)
                try walkUnknown(base, resolver)
                return try assemble(base)
            }
        } catch {
            throw IngestError(
                .refused,
                "the body is not a prometheus.WriteRequest: at byte \(error.offset): expected \(error.expected)")
        }
    }

    private static func resolve(_ spellings: [Hash128], _ resolver: any SeriesResolver, into ordinals: inout [UInt32]) {
        ordinals.removeAll(keepingCapacity: true)
        ordinals.append(contentsOf: repeatElement(SeriesOrdinal.unknown, count: spellings.count))
        resolver.resolve(spellings, into: &ordinals)
        precondition(ordinals.count == spellings.count)
    }

    private mutating func removeAll() {
        messages.removeAll(keepingCapacity: true)
        spellings.removeAll(keepingCapacity: true)
        walked.removeAll(keepingCapacity: true)
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        assembled.removeAll(keepingCapacity: true)
        metadata = []
        histograms = 0
        exemplars = 0
        hasDropped = false
    }

    // MARK: Step 1

    private mutating func walk(_ base: UnsafeRawBufferPointer, _ hash: KeyedHash128) throws(MalformedMessage) {
        guard let start = base.baseAddress else { return }
        var cursor = ProtobufCursor(base, 0..<base.count)
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            switch field {
            case 1:
                try cursor.expect(type, .length)
                let message = try cursor.lengthDelimited()
                guard let guess = TailGuess(start, message) else {
                    try walkWhole(base, message, hash)
                    continue
                }
                try checkCount(cursor.position)
                messages.append(
                    Message(
                        start: message.lowerBound, end: message.upperBound, timestamp: guess.timestamp,
                        value: guess.value, walked: -1))
                spellings.append(
                    hash.hash(
                        UnsafeRawBufferPointer(
                            start: start + message.lowerBound, count: guess.labelEnd - message.lowerBound)))
            case 3:
                try cursor.expect(type, .length)
                try readMetadata(base, try cursor.lengthDelimited())
            default: try cursor.skip(type)
            }
        }
    }

    private func checkCount(_ position: Int) throws(MalformedMessage) {
        guard messages.count + timestamps.count < limits.samples else {
            throw MalformedMessage(offset: position, expected: "no more samples than one request may hold")
        }
    }

    /// A message that has no guess, or a wrong one perhaps: appended with all its samples, if it has any.
    private mutating func walkWhole(
        _ base: UnsafeRawBufferPointer, _ message: Range<Int>, _ hash: KeyedHash128
    ) throws(MalformedMessage) {
        guard let series = try walkFields(base, message, hash) else { return }
        messages.append(
            Message(start: message.lowerBound, end: message.upperBound, timestamp: 0, value: 0, walked: walked.count))
        spellings.append(series.spelling)
        walked.append(series)
    }

    /// Every field of a series message; nil when it has no samples.
    private mutating func walkFields(
        _ base: UnsafeRawBufferPointer, _ message: Range<Int>, _ hash: KeyedHash128
    ) throws(MalformedMessage) -> Walked? {
        var cursor = ProtobufCursor(base, message)
        // Senders write the labels first, one after the other.
        try cursor.skipRun(ofKey: 0x0a)
        var labels = message.lowerBound..<cursor.position
        var isAssembled = false
        let firstSample = timestamps.count
        while !cursor.isAtEnd {
            let fieldStart = cursor.position
            let (field, type) = try cursor.key()
            guard (1...4).contains(field) else {
                try cursor.skip(type)
                continue
            }
            try cursor.expect(type, .length)
            let content = try cursor.lengthDelimited()
            switch field {
            case 1:
                if !isAssembled {
                    let start = assembled.count
                    assembled.append(contentsOf: base[labels])
                    labels = start..<assembled.count
                    isAssembled = true
                }
                assembled.append(contentsOf: base[fieldStart..<cursor.position])
                labels = labels.lowerBound..<assembled.count
            case 2:
                try checkCount(fieldStart)
                try readSample(base, content)
            case 3: exemplars += 1
            default: histograms += 1
            }
        }
        guard timestamps.count > firstSample else {
            if isAssembled { assembled.removeLast(assembled.count - labels.lowerBound) }
            return nil
        }
        let spelling =
            isAssembled
            ? assembled.withUnsafeBytes { hash.hash(UnsafeRawBufferPointer(rebasing: $0[labels])) }
            : hash.hash(UnsafeRawBufferPointer(rebasing: base[labels]))
        return Walked(
            labels: labels, isAssembled: isAssembled, samples: firstSample..<timestamps.count, spelling: spelling,
            ordinal: SeriesOrdinal.unknown)
    }

    private mutating func readSample(_ base: UnsafeRawBufferPointer, _ message: Range<Int>) throws(MalformedMessage) {
        var cursor = ProtobufCursor(base, message)
        var value = 0.0
        var timestamp: Int64 = 0
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            switch field {
            case 1:
                try cursor.expect(type, .fixed64)
                value = Double(bitPattern: try cursor.fixed64())
            case 2:
                try cursor.expect(type, .varint)
                timestamp = Int64(bitPattern: try cursor.varint())
            default: try cursor.skip(type)
            }
        }
        timestamps.append(timestamp)
        values.append(value)
    }

    // MARK: Step 3

    private mutating func walkUnknown(
        _ base: UnsafeRawBufferPointer, _ resolver: any SeriesResolver
    ) throws(MalformedMessage) {
        let hash = resolver.spellingHash
        var again: [Int] = []
        for i in messages.indices where ordinals[i] == SeriesOrdinal.unknown && messages[i].walked < 0 {
            guard let series = try walkFields(base, messages[i].start..<messages[i].end, hash) else {
                // No sample after all: what looked like one was part of something else.
                messages[i].walked = Int.max
                hasDropped = true
                continue
            }
            messages[i].walked = walked.count
            if series.spelling != spellings[i] {
                again.append(i)
                spellings[i] = series.spelling
            }
            walked.append(series)
        }
        guard !again.isEmpty else { return }
        var found: [UInt32] = []
        Self.resolve(again.map { spellings[$0] }, resolver, into: &found)
        for (k, i) in again.enumerated() { ordinals[i] = found[k] }
    }

    // MARK: Step 4

    private mutating func assemble(_ base: UnsafeRawBufferPointer) throws(MalformedMessage) -> DecodedWrite {
        var write = DecodedWrite()
        write.metadata = metadata
        write.histogramsSkipped = histograms
        write.exemplarsSkipped = exemplars
        // Bodies of known series, each with one sample, are nearly all there is: whole columns, nothing else to do.
        if walked.isEmpty, !hasDropped {
            write.columns.series = ordinals
            write.columns.timestamps = messages.map(\.timestamp)
            write.columns.values = messages.map(\.value)
            return write
        }
        let count = messages.count + timestamps.count
        write.columns.series.reserveCapacity(count)
        write.columns.timestamps.reserveCapacity(count)
        write.columns.values.reserveCapacity(count)
        for i in messages.indices {
            let message = messages[i]
            if message.walked == -1 {
                write.columns.append(ordinals[i], message.timestamp, message.value)
                continue
            }
            guard message.walked < walked.count else { continue }
            let series = walked[message.walked]
            var ordinal = ordinals[i]
            if ordinal == SeriesOrdinal.unknown {
                guard let new = try newSeries(base, series, &write) else { continue }
                ordinal = new
            }
            for sample in series.samples { write.columns.append(ordinal, timestamps[sample], values[sample]) }
        }
        return write
    }

    /// nil when the labels are bad: its samples are counted as refused.
    private mutating func newSeries(
        _ base: UnsafeRawBufferPointer, _ series: Walked, _ write: inout DecodedWrite
    ) throws(MalformedMessage) -> UInt32? {
        if series.isAssembled {
            let assembled = self.assembled
            return try assembled.span.bytes.withUnsafeBytes { (bytes) throws(MalformedMessage) in
                try Self.parse(bytes, series, &parser, &write)
            }
        }
        return try Self.parse(base, series, &parser, &write)
    }

    private static func parse(
        _ base: UnsafeRawBufferPointer, _ series: Walked, _ parser: inout LabelParser, _ write: inout DecodedWrite
    ) throws(MalformedMessage) -> UInt32? {
        let refusal = try parser.parse(base, series.labels)
        guard refusal == nil, let metric = parser.metric else {
            let reason = refusal ?? .noMetricName
            let text = parser.describe(base)
            write.refused.refuse(reason, samples: series.samples.count, "\(text): \(reason.rawValue)")
            return nil
        }
        return write.columns.newSeries.append(
            metric: UnsafeRawBufferPointer(rebasing: base[metric]), labels: parser.canonical[...],
            spelling: series.spelling)
    }

    // MARK: Metadata

    private static let types = [
        "unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset",
    ]

    private mutating func readMetadata(_ base: UnsafeRawBufferPointer, _ message: Range<Int>) throws(MalformedMessage) {
        var entry = MetricMetadata(family: "", type: Self.types[0], help: "", unit: "")
        var cursor = ProtobufCursor(base, message)
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            switch field {
            case 1:
                try cursor.expect(type, .varint)
                let number = try cursor.varint()
                entry.type = number < UInt64(Self.types.count) ? Self.types[Int(number)] : Self.types[0]
            case 2, 4, 5:
                try cursor.expect(type, .length)
                let text = String(decoding: base[try cursor.lengthDelimited()], as: UTF8.self)
                switch field {
                case 2: entry.family = text
                case 4: entry.help = text
                default: entry.unit = text
                }
            default: try cursor.skip(type)
            }
        }
        guard !entry.family.isEmpty else { return }
        guard metadata.count < limits.metadata else {
            throw MalformedMessage(offset: message.lowerBound, expected: "no more metadata than one request may hold")
        }
        metadata.append(entry)
    }
}
