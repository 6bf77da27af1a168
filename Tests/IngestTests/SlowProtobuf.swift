import MetricModel
import Platform

/// The obvious way to read and write a `prometheus.WriteRequest`: fields into a list, messages into values. Slow, and
/// plain enough to be believed.
enum SlowProtobuf {
    enum Content: Equatable {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes([UInt8])
        case fixed32
    }
    struct Malformed: Error {}

    static func fields(_ bytes: [UInt8]) throws -> [(number: UInt64, content: Content)] {
        var reader = ByteReader(bytes)
        var found: [(number: UInt64, content: Content)] = []
        while !reader.isAtEnd {
            let key = try reader.varint("key")
            guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw Malformed() }
            switch key & 7 {
            case 0: found.append((key >> 3, .varint(try reader.varint("varint"))))
            case 1: found.append((key >> 3, .fixed64(try reader.integer(UInt64.self, "fixed64"))))
            case 2: found.append((key >> 3, .bytes(Array(try reader.lengthPrefixed("bytes")))))
            case 5:
                _ = try reader.integer(UInt32.self, "fixed32")
                found.append((key >> 3, .fixed32))
            default: throw Malformed()
            }
        }
        return found
    }

    struct Result {
        var samples: [ReceivedSample] = []
        var refused = 0
        var histograms = 0
        var exemplars = 0
        var families: [String] = []
    }

    static func read(_ body: [UInt8]) throws -> Result {
        var result = Result()
        for field in try fields(body) {
            switch (field.number, field.content) {
            case (1, .bytes(let series)): try read(series: series, into: &result)
            case (3, .bytes(let entry)):
                var family = ""
                for field in try fields(entry) {
                    switch (field.number, field.content) {
                    case (1, .varint): break
                    case (2, .bytes(let text)): family = String(decoding: text, as: UTF8.self)
                    case (4, .bytes), (5, .bytes): break
                    case (1, _), (2, _), (4, _), (5, _): throw Malformed()
                    default: break
                    }
                }
                if !family.isEmpty { result.families.append(family) }
            case (1, _), (3, _): throw Malformed()
            default: break
            }
        }
        return result
    }

    private static func read(series: [UInt8], into result: inout Result) throws {
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        var samples: [(Int64, UInt64)] = []
        var labelsAreMalformed = false
        for field in try fields(series) {
            switch (field.number, field.content) {
            case (1, .bytes(let label)):
                var pair: (name: [UInt8], value: [UInt8]) = ([], [])
                do {
                    for field in try fields(label) {
                        switch (field.number, field.content) {
                        case (1, .bytes(let name)): pair.name = name
                        case (2, .bytes(let value)): pair.value = value
                        case (1, _), (2, _): throw Malformed()
                        default: break
                        }
                    }
                } catch { labelsAreMalformed = true }
                pairs.append(pair)
            case (2, .bytes(let sample)):
                var value: UInt64 = 0
                var timestamp: UInt64 = 0
                for field in try fields(sample) {
                    switch (field.number, field.content) {
                    case (1, .fixed64(let bits)): value = bits
                    case (2, .varint(let number)): timestamp = number
                    case (1, _), (2, _): throw Malformed()
                    default: break
                    }
                }
                samples.append((Int64(bitPattern: timestamp), value))
            case (3, .bytes): result.exemplars += 1
            case (4, .bytes): result.histograms += 1
            case (1, _), (2, _), (3, _), (4, _): throw Malformed()
            default: break
            }
        }
        // Labels without samples say nothing and are not looked at.
        if samples.isEmpty { return }
        if labelsAreMalformed { throw Malformed() }
        guard let labels = labels(pairs) else {
            result.refused += samples.count
            return
        }
        for (timestamp, bits) in samples {
            result.samples.append(ReceivedSample(labels: labels, timestamp: timestamp, bits: bits))
        }
    }

    private static func labels(_ pairs: [(name: [UInt8], value: [UInt8])]) -> Labels? {
        guard Set(pairs.map(\.name)).count == pairs.count else { return nil }
        var texts: [(String, String)] = []
        for pair in pairs {
            guard !pair.name.isEmpty, let name = String(validating: pair.name, as: UTF8.self),
                let value = String(validating: pair.value, as: UTF8.self)
            else { return nil }
            texts.append((name, value))
        }
        let labels = Labels(texts)
        return labels.metricName == nil ? nil : labels
    }
}

/// Bodies as senders write them, and as nobody would.
struct BodyWriter {
    var writer = ByteWriter()

    static func field(_ number: UInt64, _ content: [UInt8], into writer: inout ByteWriter) {
        writer.append(varint: number << 3 | 2)
        writer.append(lengthPrefixed: content)
    }

    static func label(_ name: [UInt8], _ value: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        if !name.isEmpty { field(1, name, into: &writer) }
        if !value.isEmpty { field(2, value, into: &writer) }
        return writer.bytes
    }

    /// proto3: zeros are left out.
    static func sample(_ timestamp: Int64, _ value: Double) -> [UInt8] {
        var writer = ByteWriter()
        if value.bitPattern != 0 {
            writer.append(UInt8(0x09))
            writer.append(value)
        }
        if timestamp != 0 {
            writer.append(UInt8(0x10))
            writer.append(varint: UInt64(bitPattern: timestamp))
        }
        return writer.bytes
    }

    mutating func series(_ labels: [(String, String)], _ samples: [(Int64, Double)]) {
        var message = ByteWriter()
        for (name, value) in labels { Self.field(1, Self.label(Array(name.utf8), Array(value.utf8)), into: &message) }
        for (timestamp, value) in samples { Self.field(2, Self.sample(timestamp, value), into: &message) }
        Self.field(1, message.bytes, into: &writer)
    }

    /// Anything the format allows, and some that it does not mean.
    mutating func randomSeries(using random: inout SeededGenerator) {
        let names = ["__name__", "job", "instance", "a", "é", "zone", ""]
        let values = ["up", "api", "x", "", "é", "10.0.0.1:9100"]
        var parts: [(UInt64, [UInt8])] = []
        var labels = names.filter { _ in Int.random(in: 0..<2, using: &random) == 0 }
        if Int.random(in: 0..<5, using: &random) > 0 { labels.removeAll { $0.isEmpty } }
        if Int.random(in: 0..<5, using: &random) > 0, !labels.contains("__name__") { labels.append("__name__") }
        if Int.random(in: 0..<8, using: &random) == 0 { labels.append("job") }
        if Bool.random(using: &random) { labels.sort { $0.precedesByBytes($1) } }
        for name in labels {
            let value =
                name == "__name__" && Int.random(in: 0..<8, using: &random) > 0
                ? "up" : values.randomElement(using: &random)
            parts.append((1, Self.label(Array(name.utf8), Array((value ?? "").utf8))))
        }
        for _ in 0..<[1, 1, 1, 1, 0, 2, 5][Int.random(in: 0..<7, using: &random)] {
            let times: [Int64] = [1_709_380_533_560, 0, -1, .max, .min, 1_709_380_533_561, 5_000_000_000_000]
            let samples: [Double] = [0, 1, -0.0, .nan, .infinity, StaleMarker.value, 3.25]
            let sample = Self.sample(
                times[Int.random(in: 0..<2, using: &random) == 0 ? 0 : Int.random(in: 0..<7, using: &random)],
                samples[Int.random(in: 0..<7, using: &random)])
            parts.append((2, sample))
        }
        if Int.random(in: 0..<6, using: &random) == 0 { parts.append((3, [1, 2, 3])) }
        if Int.random(in: 0..<6, using: &random) == 0 { parts.append((4, [8, 1])) }
        if Int.random(in: 0..<9, using: &random) == 0 { parts.append((9, [0x12, 0x07])) }
        if Int.random(in: 0..<5, using: &random) == 0 { parts.shuffle(using: &random) }
        var message = ByteWriter()
        for (number, content) in parts { Self.field(number, content, into: &message) }
        Self.field(1, message.bytes, into: &writer)
    }

    mutating func metadata(type: UInt64, family: String, help: String, unit: String) {
        var message = ByteWriter()
        if type != 0 {
            message.append(UInt8(0x08))
            message.append(varint: type)
        }
        Self.field(2, Array(family.utf8), into: &message)
        Self.field(4, Array(help.utf8), into: &message)
        Self.field(5, Array(unit.utf8), into: &message)
        Self.field(3, message.bytes, into: &writer)
    }
}
