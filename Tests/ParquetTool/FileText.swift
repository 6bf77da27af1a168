import Columnar
import Parquet

/// What a file holds, leaf by leaf, by meaning and not by encoding:
///
///     rows 3
///     leaf name token token token
///
/// A token stands for a row. Numbers are decimal; times and dates are nanoseconds; decimals are their unscaled integers;
/// doubles and floats are their bits in hexadecimal, or nan; byte strings are x and hexadecimal; flags are 0 and 1; null
/// is ~; a row of a list is [token;token].
struct FileText {
    var text: String

    static func read(name: String, bytes: [UInt8]) async throws -> FileText {
        let file = try await ParquetFile.open(name: name, source: MemoryByteSource(bytes))
        var text = "rows \(file.rowCount)\n"
        for (number, leaf) in file.leaves.enumerated() {
            var rows: [String] = []
            for group in file.metadata.rowGroups.indices {
                let pages = try await file.read(PageRequest(rowGroup: group, column: number))
                rows += try Self.rows(pages)
            }
            text += (["leaf \(leaf.name)"] + rows).joined(separator: " ") + "\n"
        }
        let verification = try await ParquetVerify.verify(name: name, source: MemoryByteSource(bytes))
        for problem in verification.problems { text += "problem \(problem)\n" }
        return FileText(text: text)
    }

    private static func rows(_ pages: ColumnPages) throws -> [String] {
        let leaf = pages.leaf
        let tokens = try tokens(pages.values(), leaf)
        guard leaf.maximumRepetition > 0 else {
            try checkColumn(pages, tokens)
            return spread(tokens, try pages.validity())
        }
        let lists = try pages.lists()
        return Self.lists(lists, spread(tokens, lists.elementValidity))
    }

    static func lists(_ lists: ParquetLists, _ elements: [String]) -> [String] {
        (0..<lists.rowCount).map { row in
            guard lists.validity?[row] ?? true else { return "~" }
            return "[" + elements[lists.offsets[row]..<lists.offsets[row + 1]].joined(separator: ";") + "]"
        }
    }

    static func spread(_ tokens: [String], _ validity: [Bool]?) -> [String] {
        guard let validity else { return tokens }
        var next = tokens.startIndex
        return validity.map { isThere in
            guard isThere else { return "~" }
            defer { next += 1 }
            return tokens[next]
        }
    }

    static func tokens(_ values: ParquetValues, _ leaf: ParquetLeaf) throws -> [String] {
        switch values {
        case .boolean(let values): return values.map { $0 ? "1" : "0" }
        case .int32(let values):
            switch leaf.logical {
            case .unsigned: return values.map { "\(UInt32(bitPattern: $0))" }
            case .date: return values.map { "\(Int128($0) * 86_400_000_000_000)" }
            default: return values.map { "\($0)" }
            }
        case .int64(let values):
            switch leaf.logical {
            case .unsigned: return values.map { "\(UInt64(bitPattern: $0))" }
            case .timestampMillis: return values.map { "\(Int128($0) * 1_000_000)" }
            case .timestampMicros: return values.map { "\(Int128($0) * 1_000)" }
            default: return values.map { "\($0)" }
            }
        case .float(let values): return values.map { $0.isNaN ? "nan" : hex(UInt64($0.bitPattern), 8) }
        case .double(let values): return values.map { $0.isNaN ? "nan" : hex($0.bitPattern, 16) }
        case .bytes(let values):
            return (0..<values.count).map { i in
                switch (leaf.physical, leaf.logical) {
                case (.int96, _): int96(values[i])
                case (_, .decimal): "\(decimal(values[i]))"
                default: "x" + values[i].map { hex(UInt64($0), 2) }.joined()
                }
            }
        }
    }

    private static func hex(_ value: UInt64, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    private static func decimal(_ bytes: ArraySlice<UInt8>) -> Int128 {
        var value: Int128 = (bytes.first ?? 0) >= 0x80 ? -1 : 0
        for byte in bytes { value = value << 8 | Int128(byte) }
        return value
    }

    private static func int96(_ bytes: ArraySlice<UInt8>) -> String {
        func little(_ bytes: ArraySlice<UInt8>) -> Int128 {
            bytes.reversed().reduce(0) { $0 << 8 | Int128($1) }
        }
        return "\((little(bytes.suffix(4)) - 2_440_588) * 86_400_000_000_000 + little(bytes.prefix(8)))"
    }

    /// Columns by meaning must agree with the tokens wherever there is such a column.
    private static func checkColumn(_ pages: ColumnPages, _ tokens: [String]) throws {
        var times: [Int64]?
        switch (pages.leaf.logical, pages.leaf.physical) {
        case (.timestampMillis, _), (.timestampMicros, _), (.timestampNanos, _), (.date, _), (_, .int96):
            times = try pages.column(.timestamp).int64s
        case (.decimal(_, let scale), _):
            guard let numbers = try? pages.column(.float64) else { return }
            for (token, number) in zip(spread(tokens, numbers.validity), numbers.float64s) where token != "~" {
                guard Double(token + "e-\(scale)") == number else { throw Different(token: token, value: "\(number)") }
            }
        case (.none, .float), (.none, .double):
            for (token, number) in zip(tokens, try pages.doubles()) where !number.isNaN {
                let bits =
                    pages.leaf.physical == .float
                    ? hex(UInt64(Float(number).bitPattern), 8) : hex(number.bitPattern, 16)
                guard bits == token else { throw Different(token: token, value: "\(number)") }
            }
        default: break
        }
        guard let times else { return }
        for (token, time) in zip(spread(tokens, try pages.validity()), times) where token != "~" {
            guard let nanoseconds = Int128(token), nanoseconds >= Int128(time) * 1_000_000,
                nanoseconds < (Int128(time) + 1) * 1_000_000
            else { throw Different(token: token, value: "\(time)") }
        }
    }

    struct Different: Error {
        var token: String
        var value: String
    }
}
