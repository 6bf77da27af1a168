import Compression
import MetricModel
public import Platform
public import Varve

/// Sends samples by remote write 1.0 to a server: for `varve wal replay`.
///
/// - A body that the server cannot take now (503, no answer) is sent again, with growing pauses, until `patience` ends.
/// - What it refuses (400) is not sent again: the others of that body are stored, and the text says what was refused.
public struct RemoteWriter: Sendable {
    /// How long one body is tried.
    static let patience = Duration.seconds(300)

    private let server: ServerURL
    private let environment: Environment

    /// - Parameter url: of the server, `http://127.0.0.1:9490`; bodies go to `/api/v1/write` below it.
    public init(
        url: String, credentials: RemoteCredentials = .init(), environment: Environment
    ) throws(RemoteError) {
        server = try ServerURL(url, credentials)
        self.environment = environment
    }

    /// - Returns: nil when all is stored; else what the server refused, in its words.
    public func send(_ series: [LoggedSeries]) async throws(RemoteError) -> String? {
        let body: [UInt8]
        do throws(CompressionError) {
            body = try Snappy.compress(Self.encode(series))
        } catch { throw RemoteError(.failed, "\(error)") }
        let start = environment.time.monotonic()
        var pause = Duration.milliseconds(250)
        while true {
            let trouble: RemoteError
            do throws(RemoteError) {
                let (status, answer) = try await HTTPConnection.write(server, "/api/v1/write", body)
                let text = String(decoding: answer.prefix(2_000), as: UTF8.self)
                switch status {
                case 200..<300: return nil
                case 400: return text
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
