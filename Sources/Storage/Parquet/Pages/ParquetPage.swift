public import Encodings

/// One data page, its checksum verified and its values unpacked; decoding them is up to the caller.
///
/// - `present` values are those that are not null: the decoders return these only, in order.
public struct ParquetPage: Sendable {
    public let leaf: ParquetLeaf
    /// Within its column chunk.
    public let number: Int
    /// Within its row group.
    public let firstRow: Int
    public let rowCount: Int
    /// Values, nulls included: `rowCount`, but for repeated columns.
    public let valueCount: Int
    public internal(set) var presentCount: Int
    public let encoding: PageEncoding
    let definitionLevels: [UInt8]
    let repetitionLevels: [UInt8]
    /// The present values, encoded.
    public let values: [UInt8]
    let place: Place
    let isStrict: Bool
    /// Bytes that its values may decode to.
    let limit: Int

    public var rows: Range<Int> { firstRow..<firstRow + rowCount }
    /// Bytes that it holds in memory, roughly.
    public var cost: Int { values.count + definitionLevels.count + repetitionLevels.count + 256 }

    // MARK: levels

    /// Which values are there, as runs of definition levels; empty where the column is required.
    public func definitionRuns() throws(ParquetError) -> [RunLengthHybrid.Run] {
        try runs(definitionLevels, maximum: leaf.maximumDefinition)
    }

    /// Where rows begin (level 0), as runs; empty where a row has one value at most.
    public func repetitionRuns() throws(ParquetError) -> [RunLengthHybrid.Run] {
        try runs(repetitionLevels, maximum: leaf.maximumRepetition)
    }

    private func runs(_ levels: [UInt8], maximum: Int) throws(ParquetError) -> [RunLengthHybrid.Run] {
        guard maximum > 0, let largest = UInt32(exactly: maximum) else { return [] }
        let found = try decode { (raw: UnsafeRawBufferPointer) throws(EncodingError) in
            try RunLengthHybrid.measuredRuns(
                raw, width: RunLengthHybrid.width(forLargest: largest), count: valueCount)
        } of: {
            levels
        }
        // No checksum is over the header: where levels end and values begin must follow from both.
        guard !isStrict || found.size == levels.count else {
            throw place.damaged("\(levels.count - found.size) bytes behind its levels")
        }
        guard found.runs.allSatisfy({ $0.value <= largest }) else { throw place.damaged("a level above \(maximum)") }
        return found.runs
    }

    /// Rows that begin in the page.
    func rowStarts() throws(ParquetError) -> Int {
        guard leaf.maximumRepetition > 0 else { return valueCount }
        return try repetitionRuns().reduce(0) { $0 + ($1.value == 0 ? $1.count : 0) }
    }

    func countPresent() throws(ParquetError) -> Int {
        try definitionRuns().reduce(0) { $0 + ($1.value == UInt32(leaf.maximumDefinition) ? $1.count : 0) }
    }

    /// One flag per value; nil: all are there.
    public func validity() throws(ParquetError) -> [Bool]? {
        guard leaf.maximumDefinition > 0 else { return nil }
        let runs = try definitionRuns()
        let present = UInt32(leaf.maximumDefinition)
        let count = runs.reduce(0) { $0 + ($1.value == present ? $1.count : 0) }
        guard count == presentCount else {
            throw place.damaged("\(count) values are there by their levels, \(presentCount) by the header")
        }
        if count == valueCount { return nil }
        var flags: [Bool] = []
        flags.reserveCapacity(valueCount)
        for run in runs { flags.append(contentsOf: repeatElement(run.value == present, count: run.count)) }
        return flags
    }

    // MARK: codes

    /// Codes into the chunk's dictionary. Not checked against it: `DictionaryEncoding.gather` does that.
    public func codes() throws(ParquetError) -> [UInt32] {
        guard encoding.usesDictionary else { throw place.misuse("its values are \(encoding), not codes") }
        if presentCount == 0 { return [] }
        var codes: [UInt32] = []
        let consumed = try decode { (raw) throws(EncodingError) in
            try RunLengthHybrid.decode(try codeBytes(raw), width: Int(raw[0]), count: presentCount, into: &codes)
        }
        try checkEnd(consumed + 1)
        return codes
    }

    /// The same as runs, neighbours unequal: nothing is expanded.
    public func codeRuns() throws(ParquetError) -> [RunLengthHybrid.Run] {
        guard encoding.usesDictionary else { throw place.misuse("its values are \(encoding), not codes") }
        if presentCount == 0 { return [] }
        let (runs, size) = try decode { (raw) throws(EncodingError) in
            try RunLengthHybrid.measuredRuns(try codeBytes(raw), width: Int(raw[0]), count: presentCount)
        }
        try checkEnd(size + 1)
        return runs
    }

    private func codeBytes(_ raw: UnsafeRawBufferPointer) throws(EncodingError) -> UnsafeRawBufferPointer {
        guard let width = raw.first, width <= 32 else { throw EncodingError("RLE_DICTIONARY", "no bit width up to 32") }
        return UnsafeRawBufferPointer(rebasing: raw[1...])
    }

    // MARK: errors

    var noDictionary: ParquetError {
        place.damaged("its values are codes, but the chunk has no such dictionary")
    }
    var unexpectedEncoding: ParquetError {
        place.unsupported("values of type \(leaf.physical) in \(encoding)")
    }

    func decode<T>(
        _ body: (UnsafeRawBufferPointer) throws(EncodingError) -> T, of bytes: () -> [UInt8]
    ) throws(ParquetError) -> T {
        do throws(EncodingError) { return try bytes().decoding(body) } catch { throw place.damaged("\(error)") }
    }

    func decode<T>(_ body: (UnsafeRawBufferPointer) throws(EncodingError) -> T) throws(ParquetError) -> T {
        do throws(EncodingError) { return try values.decoding(body) } catch { throw place.damaged("\(error)") }
    }

    func gathering(_ body: () throws(EncodingError) -> Void) throws(ParquetError) {
        do throws(EncodingError) { try body() } catch { throw place.damaged("\(error)") }
    }

    /// Decoding must use the page up.
    func whole(_ body: (UnsafeRawBufferPointer) throws(EncodingError) -> Int) throws(ParquetError) {
        let consumed = try decode(body)
        guard consumed == values.count else {
            throw place.damaged("\(values.count - consumed) bytes behind its \(presentCount) values")
        }
    }

    func checkEnd(_ consumed: Int) throws(ParquetError) {
        guard !isStrict || consumed == values.count else {
            throw place.damaged("\(values.count - consumed) bytes behind its \(presentCount) values")
        }
    }
}
