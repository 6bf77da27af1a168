#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The head of an HTTP/1.1 request that is written plainly: one that no two servers read differently.
///
/// - What is accepted here any HTTP parser accepts, with the same method, target, fields and length of the body: a test
///   compares it with the one that all other requests go through. So bytes may be shared out between the two.
/// - Nothing is decoded, copied or allocated: ranges of the bytes that were read.
struct PlainHead: Equatable {
    enum Reading: Equatable {
        case whole(PlainHead)
        /// Plain so far, and not at its end.
        case incomplete
        /// For the general parser, with all that follows on the connection: where it ends is not known here.
        case other
    }

    /// Bytes of the head, its empty line included.
    private(set) var length = 0
    private(set) var method = 0..<0
    private(set) var target = 0..<0
    /// Bytes of the body; nil: none declared, so there is no body.
    private(set) var contentLength: Int?
    private(set) var contentType: Range<Int>?
    private(set) var contentEncoding: Range<Int>?
    private(set) var authorization: Range<Int>?
    /// Several count together: such a head is for the general parser.
    private(set) var acceptEncoding: Range<Int>?
    private(set) var hasHost = false
    /// `Expect`, `Origin` or `x-varve-log` (`LeftLog`): fields that change how a request is answered.
    private(set) var hasDemands = false

    /// A head that is longer goes to the general parser.
    static let mostBytes = 16 << 10
    /// One with more fields, too, which has a bound for all.
    static let mostFields = 64

    static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        var head = PlainHead()
        var start = 0
        var isFirst = true
        var fields = 0
        while let end = lineEnd(bytes, from: start) {
            guard end < mostBytes, end > start, bytes[end - 1] == carriageReturn else { return .other }
            let line = start..<end - 1
            start = end + 1
            if isFirst {
                guard head.takeRequestLine(bytes, line) else { return .other }
                isFirst = false
            } else if line.isEmpty {
                head.length = start
                return head.hasHost ? .whole(head) : .other
            } else {
                fields += 1
                guard fields <= mostFields, head.takeField(bytes, line) else { return .other }
            }
        }
        return bytes.count < mostBytes ? .incomplete : .other
    }

    private static let carriageReturn = UInt8(ascii: "\r")

    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, 10, bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    private mutating func takeRequestLine(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> Bool {
        var at = line.lowerBound
        while at < line.upperBound, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[at]) { at += 1 }
        method = line.lowerBound..<at
        guard Self.methods.contains(where: { Self.has(bytes, method, $0) }), at < line.upperBound,
            bytes[at] == Self.space
        else { return false }
        at += 1
        let from = at
        guard at < line.upperBound, bytes[at] == UInt8(ascii: "/") else { return false }
        while at < line.upperBound, bytes[at] > Self.space, bytes[at] < 0x7f { at += 1 }
        target = from..<at
        return Self.has(bytes, at..<line.upperBound, " HTTP/1.1")
    }

    /// Those whose bodies are framed by the rules below; `CONNECT` and what is rare is for the general parser.
    private static let methods: [StaticString] = ["POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE"]
    private static let space = UInt8(ascii: " ")

    private mutating func takeField(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> Bool {
        var colon = line.lowerBound
        while colon < line.upperBound, Self.isNamePart[Int(bytes[colon])] { colon += 1 }
        guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == UInt8(ascii: ":") else { return false }
        var value = colon + 1..<line.upperBound
        while let first = value.first, bytes[first] == Self.space { value.removeFirst() }
        while let last = value.last, bytes[last] == Self.space { value.removeLast() }
        for at in value where bytes[at] < Self.space || bytes[at] >= 0x7f { return false }
        return note(bytes, line.lowerBound..<colon, value)
    }

    private mutating func note(_ bytes: UnsafeRawBufferPointer, _ name: Range<Int>, _ value: Range<Int>) -> Bool {
        func isName(_ text: StaticString) -> Bool { Self.hasName(bytes, name, text) }
        // By length first: with small bodies this is part of the work.
        switch name.count {
        case 4 where isName("host"):
            guard !hasHost, !value.isEmpty else { return false }
            hasHost = true
        case 6 where isName("expect") || isName("origin"): hasDemands = true
        case 7 where isName("upgrade"): return false
        case 10 where isName("connection"): return Self.hasName(bytes, value, "keep-alive")
        case 11 where isName("x-varve-log"): hasDemands = true
        case 12 where isName("content-type"):
            guard contentType == nil else { return false }
            contentType = value
        case 13 where isName("authorization"):
            guard authorization == nil else { return false }
            authorization = value
        case 14 where isName("content-length"):
            guard contentLength == nil, (1...15).contains(value.count) else { return false }
            var sum = 0
            for at in value {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) else { return false }
                sum = sum * 10 + Int(bytes[at] - UInt8(ascii: "0"))
            }
            contentLength = sum
        case 15 where isName("accept-encoding"):
            guard acceptEncoding == nil else { return false }
            acceptEncoding = value
        case 16 where isName("content-encoding"):
            guard contentEncoding == nil else { return false }
            contentEncoding = value
        case 16 where isName("proxy-connection"): return false
        case 17 where isName("transfer-encoding"): return false
        default: break
        }
        return true
    }

    /// Token characters (RFC 9110, 5.6.2) of field names as they are sent: letters, digits, `-` and `_`.
    private static let isNamePart: [Bool] = (0..<256).map { byte in
        let byte = UInt8(byte)
        return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "-")
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
    }

    /// Whether these bytes are `text`.
    static func has(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
        return memcmp(base + range.lowerBound, text.utf8Start, range.count) == 0
    }

    /// …in any case of letters. `text` is letters and `-` in lower case.
    private static func hasName(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for (i, at) in range.enumerated() where bytes[at] | 0x20 != text.utf8Start[i] | 0x20 { return false }
        return true
    }
}
