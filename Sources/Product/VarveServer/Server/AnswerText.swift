import HTTPTypes
import NIOCore

/// Answers as the bytes of HTTP/1.1, for requests that are answered without the framework.
enum AnswerText {
    /// How the body's end is told.
    enum Framing {
        case length(Int)
        /// Chunk by chunk, which the caller writes.
        case pieces
        /// There is none, and no field may say so: 204 (RFC 9110, 8.6).
        case none
    }

    /// - Parameters:
    ///   - body: all of it.
    ///   - date: as the field has it.
    static func whole(_ answer: APIAnswer, _ body: [UInt8], date: String) -> ByteBuffer {
        var text = head(answer, date: date, answer.status == 204 ? .none : .length(body.count), capacity: body.count)
        text.writeBytes(body)
        return text
    }

    /// Status line and fields, with the empty line behind them.
    /// - Parameter capacity: bytes that the caller will put behind it.
    static func head(_ answer: APIAnswer, date: String, _ framing: Framing, capacity: Int) -> ByteBuffer {
        var text = ByteBufferAllocator().buffer(capacity: 320 + capacity)
        if answer.status == 200 {
            text.writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            text.writeString("HTTP/1.1 \(answer.status) \(HTTPResponse.Status(code: answer.status).reasonPhrase)\r\n")
        }
        for (name, value) in answer.headers {
            text.writeString(name)
            text.writeStaticString(": ")
            text.writeString(value)
            text.writeStaticString("\r\n")
        }
        if ContentCoding.isWorthwhile(answer.body) { text.writeStaticString("vary: accept-encoding\r\n") }
        text.writeStaticString("date: ")
        text.writeString(date)
        switch framing {
        case .length(let length):
            text.writeStaticString("\r\ncontent-length: ")
            text.writeString(String(length))
        case .pieces: text.writeStaticString("\r\ntransfer-encoding: chunked")
        case .none: break
        }
        text.writeStaticString("\r\n\r\n")
        return text
    }
}
