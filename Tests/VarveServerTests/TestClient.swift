import Platform

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A client on a plain socket, so that tests can be as rude as real ones. Blocks: use it through `BlockingThreads`.
final class TestClient: @unchecked Sendable {
    // Reason for @unchecked: a test uses its client from one place at a time.
    private let socket: Int32

    init(port: Int) throws {
        #if canImport(Glibc)
            socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            socket = Darwin.socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw FileSystemError("connect to", "port \(port)", errno: errno) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(socket) }

    /// False when the other side would not take all of it.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { buffer in
                #if canImport(Glibc)
                    Glibc.send(socket, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
                #else
                    Darwin.send(socket, buffer.baseAddress, buffer.count, 0)
                #endif
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

    /// What comes until the other side closes.
    func readToEnd() -> [UInt8] {
        var all: [UInt8] = []
        while let piece = readSome() { all += piece }
        return all
    }

    /// nil at the end, or after 20 s of silence.
    func readSome() -> [UInt8]? {
        let piece = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            count = max(0, recv(socket, buffer.baseAddress, buffer.count, 0))
        }
        return piece.isEmpty ? nil : piece
    }

    /// One answer with a Content-Length: head and body.
    func readAnswer() -> (head: String, body: String)? {
        var bytes: [UInt8] = []
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let range = text.firstRange(of: "\r\n\r\n") {
                let head = text[..<range.lowerBound]
                let lines = head.split(separator: "\r\n").map { $0.lowercased() }
                let length = lines.first { $0.hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(16)) } ?? 0
                let body = text[range.upperBound...]
                if body.utf8.count >= length { return (String(head), String(body)) }
            }
            guard let piece = readSome() else { return nil }
            bytes += piece
        }
    }
}
