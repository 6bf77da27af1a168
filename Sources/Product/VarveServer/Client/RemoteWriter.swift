import Compression
import MetricModel
public import Platform
public import Varve

/// Sends samples by remote write 1.0 to a server: for `varve wal replay`.
///
/// - A body that the server cannot take now (503, no answer) is sent again, with growing pauses, until `patience` ends.
/// - Samples of a log that the server's node has superseded go under the numbers of their records; others count as new.
/// - What it refuses (400) is not sent again: the others of that body are stored, and the text says what was refused.
public struct RemoteWriter: Sendable {
    /// How long one body is tried.
    static let patience = Duration.seconds(300)

    private let server: ServerURL
    private let environment: Environment
    /// Whose log it is, where the server knows it as one that was left behind.
    private var claimants: [UInt64] = []

    /// - Parameter url: of the server, `http://127.0.0.1:9490`; bodies go to `/api/v1/write` below it.
    public init(
        url: String, credentials: RemoteCredentials = .init(), environment: Environment
    ) throws(RemoteError) {
        server = try ServerURL(url, credentials)
        self.environment = environment
    }

    /// Asks whether this is a log that the server's database was taken over from: then its samples keep their numbers.
    /// - Returns: the number of the record up to which it is in objects; nil: its samples count as new.
    public mutating func begin(logOf claimants: [UInt64]) async throws(RemoteError) -> UInt64? {
        guard !claimants.isEmpty else { return nil }
        let (status, answer) = try await post([], LeftLog(claimants: claimants).headers)
        // Whoever does not know the question takes it for a body without samples.
        guard status == 200 else { return nil }
        let text = String(decoding: answer.prefix(2_000), as: UTF8.self)
        guard let cut = UInt64(text.split(whereSeparator: \.isNewline).first ?? "") else {
            throw RemoteError(.failed, "\(server.text) answers \(text.prefix(100)) where a number was asked for")
        }
        self.claimants = claimants
        return cut
    }

    /// - Parameter series: of whole records, in the order of the log.
    /// - Returns: nil when all is stored; else what the server refused, in its words.
    public func send(_ series: [LoggedSeries]) async throws(RemoteError) -> String? {
        let numbers = series.map(\.sequence)
        var (body, headers): ([LoggedSeries], [(String, String)]) = (series, [])
        if !claimants.isEmpty, let first = numbers.min(), let last = numbers.max() {
            headers = LeftLog(claimants: claimants, sequences: first...last).headers
            body = Self.identified(series)
        }
        let (status, answer) = try await post(body, headers)
        return status == 400 ? String(decoding: answer.prefix(2_000), as: UTF8.self) : nil
    }

    /// - Returns: an answer that is final: 2xx or 400.
    private func post(
        _ series: [LoggedSeries], _ headers: [(String, String)]
    ) async throws(RemoteError) -> (status: Int, answer: [UInt8]) {
        let body = try Self.body(series)
        let start = environment.time.monotonic()
        var pause = Duration.milliseconds(250)
        while true {
            let trouble: RemoteError
            do throws(RemoteError) {
                let (status, answer) = try await HTTPConnection.write(server, "/api/v1/write", body, headers)
                let text = String(decoding: answer.prefix(2_000), as: UTF8.self)
                switch status {
                case 200..<300, 400: return (status, answer)
                case 429, 500...: trouble = RemoteError(.failed, "\(server.text) answers \(status): \(text)")
                default: throw RemoteError(.usage, "\(server.text) answers \(status): \(text)")
                }
            } catch {
                if error.kind == .usage { throw error }
                trouble = error
            }
            let waited = environment.time.monotonic() &- start
            guard Duration.nanoseconds(Int64(clamping: waited)) < Self.patience else { throw trouble }
            do { try await environment.time.sleep(for: pause) } catch { throw trouble }
            pause = min(pause * 2, .seconds(10))
        }
    }

    /// Each series with its id among its labels.
    static func identified(_ series: [LoggedSeries]) -> [LoggedSeries] {
        series.map { one in
            var one = one
            let labels = one.labels.labels.map { ($0.name, $0.value) }
            one.labels = Labels(labels + [(Database.idLabel, String(one.id))])
            return one
        }
    }

    static func body(_ series: [LoggedSeries]) throws(RemoteError) -> [UInt8] {
        do throws(CompressionError) { return try Snappy.compress(encode(series)) } catch {
            throw RemoteError(.failed, "\(error)")
        }
    }

    /// `prometheus.WriteRequest`: field 1, a series: labels (1: name 1, value 2), samples (2: value 1, timestamp 2).
    static func encode(_ series: [LoggedSeries]) -> [UInt8] {
        var request = ByteWriter()
        for one in series {
            var message = ByteWriter()
            for label in one.labels.labels {
                var pair = ByteWriter()
                pair.append(UInt8(0x0a))
                pair.append(string: label.name)
                pair.append(UInt8(0x12))
                pair.append(string: label.value)
                message.append(UInt8(0x0a))
                message.append(lengthPrefixed: pair.bytes)
            }
            for (time, value) in zip(one.timestamps, one.values) {
                var sample = ByteWriter()
                sample.append(UInt8(0x09))
                sample.append(value)
                sample.append(UInt8(0x10))
                sample.append(varint: UInt64(bitPattern: time))
                message.append(UInt8(0x12))
                message.append(lengthPrefixed: sample.bytes)
            }
            request.append(UInt8(0x0a))
            request.append(lengthPrefixed: message.bytes)
        }
        return request.bytes
    }
}
