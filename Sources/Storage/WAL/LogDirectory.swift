import Platform

/// The directory of one region's log: what names mean.
///
///     0000000000000001.log      a log segment, sixteen digits, numbers from 1, consecutive
///     0000000000000002.log.new  one being made; left by a crash, it may go
///     0000000000000003.log.free one that nobody needs, kept to be written over; opening removes it
///     quarantine/               bytes of torn tails
///
/// Another name that ends in `.log`, or a log segment's name that is no file, is refused; anything else is reported.
struct LogDirectory: Sendable {
    let path: String
    let fileSystem: any FileSystem

    struct Contents: Equatable {
        /// In order of number.
        var segments: [LogSegmentNumber] = []
        /// Nothing in them counts: being made, or kept to be written over.
        var unfinished: [String] = []
        var foreign: [String] = []
    }

    static func name(of number: LogSegmentNumber) -> String {
        let digits = String(number.rawValue)
        return String(repeating: "0", count: max(0, 16 - digits.utf8.count)) + digits + ".log"
    }

    /// nil when the name is not exactly one that `name(of:)` makes.
    static func number(of name: String) -> LogSegmentNumber? {
        let bytes = Bytes(text: name)
        guard bytes.count == 20, bytes[16...].elementsEqual(".log".utf8) else { return nil }
        var value: UInt64 = 0
        for digit in bytes[..<16] {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + UInt64(digit - 0x30)  // sixteen digits: below 2^54
        }
        return (1...UInt64(UInt32.max)).contains(value) ? LogSegmentNumber(value) : nil
    }

    func path(of number: LogSegmentNumber) -> String { path(of: Self.name(of: number)) }
    func path(of name: String) -> String { "\(path)/\(name)" }
    func pathWhileMade(of number: LogSegmentNumber) -> String { path(of: number) + ".new" }
    func pathWhileFree(of number: LogSegmentNumber) -> String { path(of: number) + ".free" }

    /// - Parameter refusing: false takes what looks like a log segment and is none for foreign.
    /// - Throws: `WALError.foreign` for such a name.
    func contents(refusing: Bool = true) throws -> Contents {
        var contents = Contents()
        for name in try fileSystem.list(path) {
            if let number = Self.number(of: name) {
                guard try fileSystem.status(of: path(of: name))?.kind == .file else {
                    if !refusing {
                        contents.foreign.append(name)
                        continue
                    }
                    throw WALError.foreign("\(path(of: name)) has a log segment's name but is not a file; move it away")
                }
                contents.segments.append(number)
            } else if [".new", ".free"].contains(where: { suffix in
                name.hasSuffix(suffix) && Self.number(of: String(name.dropLast(suffix.count))) != nil
            }) {
                contents.unfinished.append(name)
            } else if refusing, name.hasSuffix(".log") {
                throw WALError.foreign(
                    "\(path(of: name)) is not a log segment of Varve (\(Self.name(of: .init(1))), …); move it away")
            } else if name != "quarantine" {
                contents.foreign.append(name)
            }
        }
        contents.segments.sort()
        return contents
    }
}
