import Columnar
import Encodings
import Parquet
import StorageEngine

/// Rows of one row group, in key order, on their way into columns.
struct SamplesRowGroup {
    struct SeriesRun {
        var id: Int64
        var rows: Int
    }
    var series: [SeriesRun]
    var times: [Int64]
    var values: [Double]
    var rows: Int { times.count }

    /// Keeps the first `end` rows and returns the others.
    mutating func split(at end: Int) -> SamplesRowGroup {
        var rest = SamplesRowGroup(series: [], times: Array(times[end...]), values: Array(values[end...]))
        times.removeLast(rest.rows)
        values.removeLast(rest.rows)
        var excess = rest.rows
        while excess > 0, let last = series.indices.last {
            let taken = min(series[last].rows, excess)
            rest.series.append(SeriesRun(id: series[last].id, rows: taken))
            excess -= taken
            series[last].rows -= taken
            if series[last].rows == 0 { series.removeLast() }
        }
        rest.series.reverse()
        return rest
    }

    /// Takes the rows of `other` instead of its own; buffers stay as large as they are.
    mutating func replaceAll(with other: SamplesRowGroup) {
        series.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        series += other.series
        times += other.times
        values += other.values
    }
}

/// The columns of one row group, encoded as `SamplesLayout` says.
struct SamplesRowGroupEncoder {
    let group: SamplesRowGroup
    let segmentStart: Int64
    let sequence: Int64
    let purpose: FileContext.Purpose
    private let compression = PageCompression.zstd(1)
    private let integerEnds: [Int]
    private let columns: SamplesValueColumns
    private let isShort: Bool

    init(
        _ group: SamplesRowGroup, segmentStart: Int64, sequence: Int64, purpose: FileContext.Purpose, plainValues: Bool
    ) {
        self.group = group
        self.segmentStart = segmentStart
        self.sequence = sequence
        self.purpose = purpose
        let lengths = group.series.lazy.map { $0.rows }
        integerEnds = SamplesPageCutting.pageEnds(
            lengths, target: SamplesPageCutting.valueRows, own: SamplesPageCutting.ownRows)
        isShort = group.rows < SamplesPageCutting.shortSeries * group.series.count
        let stretches = Self.stretches(lengths, ends: integerEnds)
        columns = group.values.withUnsafeBufferPointer {
            SamplesValueColumns($0, stretches: stretches, allFloat: plainValues)
        }
    }

    /// Lengths between any two neighbouring ends, of a series or of a page.
    private static func stretches(_ seriesLengths: some Sequence<Int>, ends: [Int]) -> [Int] {
        var result: [Int] = []
        var row = 0
        var page = 0
        for length in seriesLengths {
            let end = row + length
            while row < end {
                while ends[page] <= row { page += 1 }
                let next = min(end, ends[page])
                result.append(next - row)
                row = next
            }
        }
        return result
    }

    func write(
        to file: inout ParquetFileWriter, metricName: (Int64) -> String?
    ) throws {
        file.beginRowGroup()
        for leaf in SamplesFormat.Leaf.allCases {
            let chunk: EncodedChunk =
                switch leaf {
                case .metric: try metricChunk(metricName)
                case .seriesID: idChunk()
                case .segment: constantChunk(segmentStart)
                case .timestamp: timeChunk()
                case .valueFloat: try floatChunk()
                case .valueInt: try integerChunk()
                case .valueDivisor: divisorChunk()
                case .sequence: constantChunk(sequence)
                }
            try file.write(chunk, column: leaf.rawValue)
        }
        try file.endRowGroup(rows: group.rows)
    }

    // MARK: columns of one page

    private func metricChunk(_ metricName: (Int64) -> String?) throws(StorageError) -> EncodedChunk {
        var names = BytesColumn()
        var codes: [[UInt8]: UInt32] = [:]
        var runs: [RunLengthHybrid.Run] = []
        var metric: Int64?
        for run in group.series {
            let number = SamplesFormat.metric(of: run.id)
            if number == metric, let last = runs.indices.last {
                runs[last].count += run.rows
                continue
            }
            metric = number
            guard let name = metricName(number).map({ Array($0.utf8) }) else {
                throw StorageError(
                    .unavailable, "the name of metric number \(number) is not known: the file is not written")
            }
            let code = codes[name] ?? UInt32(names.count)
            if code == names.count {
                codes[name] = code
                names.append(name)
            }
            runs.append(.init(value: code, count: run.rows))
        }
        var plain: [UInt8] = []
        PlainEncoding.encode(names, into: &plain)
        return dictionaryChunk(
            EncodedDictionary(count: names.count, values: plain), runs, PageBounds(of: names, in: 0..<names.count))
    }

    private func idChunk() -> EncodedChunk {
        let ids = group.series.map { $0.id }
        let bounds = PageBounds(of: ids[...])
        guard !isShort else {
            var perRow: [Int64] = []
            perRow.reserveCapacity(group.rows)
            for run in group.series { perRow.append(contentsOf: repeatElement(run.id, count: run.rows)) }
            var encoded: [UInt8] = []
            DeltaBinaryPacked.encode(perRow, form: .byte, into: &encoded)
            let page = EncodedPage(rows: group.rows, encoding: .deltaBinaryPacked, encoded: encoded, bounds: bounds)
            return EncodedChunk(pages: [page], compression: compression, order: .ascending)
        }
        var plain: [UInt8] = []
        PlainEncoding.encode(ids, into: &plain)
        let runs = group.series.enumerated().map { RunLengthHybrid.Run(value: UInt32($0), count: $1.rows) }
        return dictionaryChunk(EncodedDictionary(count: ids.count, values: plain), runs, bounds, order: .ascending)
    }

    private func constantChunk(_ value: Int64) -> EncodedChunk {
        var plain: [UInt8] = []
        PlainEncoding.encode([value], into: &plain)
        return dictionaryChunk(
            EncodedDictionary(count: 1, values: plain), [.init(value: 0, count: group.rows)], PageBounds(value, value))
    }

    private func divisorChunk() -> EncodedChunk {
        var divisors: [Double] = []
        let runs = columns.divisors.map { run in
            let code = divisors.firstIndex(of: run.divisor) ?? divisors.count  // 30 different ones at most
            if code == divisors.count { divisors.append(run.divisor) }
            return RunLengthHybrid.Run(value: UInt32(code), count: run.rows)
        }
        var plain: [UInt8] = []
        PlainEncoding.encode(divisors, into: &plain)
        return dictionaryChunk(
            EncodedDictionary(count: divisors.count, values: plain), runs, PageBounds(of: divisors[...]))
    }

    private func dictionaryChunk(
        _ dictionary: EncodedDictionary, _ runs: [RunLengthHybrid.Run], _ bounds: PageBounds?,
        order: BoundaryOrder = .unordered
    ) -> EncodedChunk {
        // One bit at least: some readers do not take a width of none.
        let width = max(1, RunLengthHybrid.width(forLargest: UInt32(max(dictionary.count, 1) - 1)))
        var encoded = [UInt8(width)]
        RunLengthHybrid.encode(runs: runs, width: width, into: &encoded)
        let page = EncodedPage(rows: group.rows, encoding: .rleDictionary, encoded: encoded, bounds: bounds)
        return EncodedChunk(dictionary: dictionary, pages: [page], compression: compression, order: order)
    }

    // MARK: columns of many pages

    private func timeChunk() -> EncodedChunk {
        let ends = SamplesPageCutting.pageEnds(
            group.series.lazy.map { $0.rows }, target: SamplesPageCutting.timeRows)
        let pages = Self.ranges(ends).map { range in
            var encoded: [UInt8] = []
            group.times.withUnsafeBufferPointer { times in
                DeltaBinaryPacked.encode(UnsafeBufferPointer(rebasing: times[range]), form: .byte, into: &encoded)
            }
            return EncodedPage(
                rows: range.count, encoding: .deltaBinaryPacked, encoded: encoded,
                bounds: PageBounds(of: group.times[range]))
        }
        return EncodedChunk(pages: pages, compression: compression)
    }

    private func integerChunk() throws(ParquetError) -> EncodedChunk {
        var pages: [EncodedPage] = []
        pages.reserveCapacity(integerEnds.count)
        for range in Self.ranges(integerEnds) {
            let nulls = columns.floats(in: range)
            let integers =
                nulls == 0
                ? columns.integers[range] : range.lazy.filter { !columns.isFloat[$0] }.map { columns.integers[$0] }[...]
            let (encoded, packed) = try encodedIntegers(integers)
            pages.append(
                EncodedPage(
                    rows: range.count, nulls: nulls, encoding: .deltaBinaryPacked,
                    definitionLevels: levels(range, nulls: nulls, areSet: false), encoded: encoded, packed: packed,
                    bounds: PageBounds(of: integers)))
        }
        return EncodedChunk(pages: pages, compression: compression)
    }

    /// At flush one form, chosen by the length of series; in compaction the smaller of both. Whole bytes must win by a
    /// twenty-fifth: they cost a ZSTD pass when a page is read.
    private func encodedIntegers(_ integers: ArraySlice<Int64>) throws(ParquetError) -> ([UInt8], packed: [UInt8]) {
        switch purpose {
        case .flush: return try packed(integers, isShort ? .byte : .tight)
        case .compaction:
            let tight = try packed(integers, .tight)
            let byte = try packed(integers, .byte)
            return byte.packed.count * 25 <= tight.packed.count * 24 ? byte : tight
        }
    }

    private func packed(
        _ integers: ArraySlice<Int64>, _ form: DeltaBinaryPacked.Form
    ) throws(ParquetError) -> ([UInt8], packed: [UInt8]) {
        var encoded: [UInt8] = []
        integers.withUnsafeBufferPointer { DeltaBinaryPacked.encode($0, form: form, into: &encoded) }
        return (encoded, try compression.stored(encoded) ?? encoded)
    }

    private func floatChunk() throws(ParquetError) -> EncodedChunk {
        let counts = Self.ranges(integerEnds).map { columns.floats(in: $0) }
        let ends = SamplesPageCutting.thinned(integerEnds, target: SamplesPageCutting.valueRows, counts: counts)
        let ranges = Self.ranges(ends)
        let doubles = ranges.map { range -> [Double] in
            columns.floatCount == 0 ? [] : range.filter { columns.isFloat[$0] }.map { group.values[$0] }
        }
        // One encoding per chunk (DuckDB up to 1.2 refuses two): tried on the first pages.
        var sizes = (split: 0, plain: 0)
        for values in doubles.lazy.filter({ !$0.isEmpty }).prefix(16) {
            let split = encodedDoubles(values, .byteStreamSplit)
            let plain = encodedDoubles(values, .plain)
            sizes.split += try compression.stored(split)?.count ?? split.count
            sizes.plain += try compression.stored(plain)?.count ?? plain.count
        }
        let encoding: PageEncoding = sizes.split < sizes.plain ? .byteStreamSplit : .plain
        let pages = zip(ranges, doubles).map { range, values in
            let nulls = range.count - values.count
            return EncodedPage(
                rows: range.count, nulls: nulls, encoding: encoding,
                definitionLevels: levels(range, nulls: nulls, areSet: true),
                encoded: encodedDoubles(values, encoding), bounds: PageBounds(of: values[...]))
        }
        return EncodedChunk(pages: pages, compression: compression)
    }

    private func encodedDoubles(_ values: [Double], _ encoding: PageEncoding) -> [UInt8] {
        var encoded: [UInt8] = []
        if encoding == .byteStreamSplit {
            ByteStreamSplit.encode(values, into: &encoded)
        } else {
            PlainEncoding.encode(values, into: &encoded)
        }
        return encoded
    }

    /// One bit per row: whether the value is there. `areSet`: where `isFloat` is set; else where it is not.
    private func levels(_ range: Range<Int>, nulls: Int, areSet: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        if nulls == 0 || nulls == range.count {
            let level: UInt32 = nulls == 0 ? 1 : 0
            RunLengthHybrid.encode(runs: [.init(value: level, count: range.count)], width: 1, into: &bytes)
        } else {
            let codes = columns.isFloat[range].map { $0 == areSet ? 1 : 0 as UInt32 }
            RunLengthHybrid.encode(codes, width: 1, into: &bytes)
        }
        return bytes
    }

    private static func ranges(_ ends: [Int]) -> [Range<Int>] {
        var start = 0
        return ends.map { end in
            defer { start = end }
            return start..<end
        }
    }
}
