public import Columnar
public import Parquet

/// The pages of a file that a scan has to look at, a few at a time.
///
/// - Made for files whose columns share their page boundaries: page p of one column holds the rows of page p of another.
/// - Row groups and pages whose bounds miss the scan are passed over; what is left may still hold rows that are not
///   wanted.
public struct AlignedPages {
    public struct Step: Sendable {
        public var rowGroup: Int
        /// Ascending page numbers.
        public var pages: [Int]
        public var isFirstOfRowGroup: Bool
    }

    private let file: ParquetFile
    private let scan: FileScan
    private let keyLeaf: Int?
    private let timeLeaf: Int?
    /// Of the leaves, where they are the table's columns: then the scan's filter prunes, too.
    private let types: [ColumnType]?
    /// Rows of a step, at most, unless one page has more.
    private let stepRows: Int
    private var nextRowGroup = 0
    private var waiting: [(page: Int, rows: Int)] = []
    private var waitingRowGroup = 0
    private var isFirst = true

    /// - Parameters:
    ///   - keyLeaf: the leaf of the scan's selection column; nil: there is none.
    ///   - timeLeaf: the leaf of the time column; nil: there is none.
    ///   - types: of the leaves, where leaf i is column i of the table; nil: they are others.
    public init(
        _ file: ParquetFile, _ scan: FileScan, keyLeaf: Int?, timeLeaf: Int?, types: [ColumnType]? = nil, stepRows: Int
    ) {
        self.file = file
        self.types = types
        self.scan = scan
        self.keyLeaf = keyLeaf
        self.timeLeaf = timeLeaf
        self.stepRows = stepRows
    }

    /// The next few pages, all of one row group; nil at the end.
    /// - Throws: `ParquetError` where columns do not share their boundaries.
    public mutating func next() async throws -> Step? {
        while waiting.isEmpty {
            guard nextRowGroup < file.metadata.rowGroups.count else { return nil }
            waitingRowGroup = nextRowGroup
            nextRowGroup += 1
            isFirst = true
            let isWanted = isWanted(waitingRowGroup)
            scan.counters?.noteRowGroup(isPruned: !isWanted)
            if isWanted { waiting = try await pages(waitingRowGroup) }
        }
        var rows = 0
        var pages: [Int] = []
        while let (page, count) = waiting.first, pages.isEmpty || rows + count <= stepRows {
            pages.append(page)
            rows += count
            waiting.removeFirst()
        }
        defer { isFirst = false }
        return Step(rowGroup: waitingRowGroup, pages: pages, isFirstOfRowGroup: isFirst)
    }

    private func isWanted(_ rowGroup: Int) -> Bool {
        let columns = file.metadata.rowGroups[rowGroup].columns
        if let keyLeaf, let bounds = columns[keyLeaf].statistics?.int64Bounds, !scan.mayWant(keys: bounds) {
            return false
        }
        if let timeLeaf, let bounds = columns[timeLeaf].statistics?.int64Bounds, !scan.mayWant(times: bounds) {
            return false
        }
        guard let filter, let types else { return true }
        return filter.mayMatch { column in
            guard let statistics = columns[column].statistics, let least = statistics.minimum,
                let greatest = statistics.maximum
            else { return nil }
            return ClosedBounds(plain: least[...], greatest[...], types[column])
        }
    }

    /// The filter, where the file's leaves are the table's columns.
    private var filter: Predicate? { types == nil ? nil : scan.filter }

    private func pages(_ rowGroup: Int) async throws -> [(page: Int, rows: Int)] {
        let locations = try await file.pageLocations(rowGroup: rowGroup, column: 0)
        for column in file.leaves.indices.dropFirst() {
            let others = try await file.pageLocations(rowGroup: rowGroup, column: column)
            guard others.count == locations.count, zip(locations, others).allSatisfy({ $0.rows == $1.rows }) else {
                throw ParquetError(
                    .damaged, file: file.name, column: file.leaves[column].name,
                    "its pages do not hold the rows of those of \(file.leaves[0].name) (row group \(rowGroup))")
            }
        }
        let keys = keyLeaf == nil ? nil : try await file.columnIndex(rowGroup: rowGroup, column: keyLeaf ?? 0)
        let times = timeLeaf == nil ? nil : try await file.columnIndex(rowGroup: rowGroup, column: timeLeaf ?? 0)
        var indexes: [Int: ColumnIndex] = [:]
        for column in filter?.columns ?? [] {
            indexes[column] = try await file.columnIndex(rowGroup: rowGroup, column: column)
        }
        return locations.enumerated().compactMap { page, location in
            if let filter, let types {
                let mayMatch = filter.mayMatch { column in
                    guard let index = indexes[column], !index.nullPages[page] else { return nil }
                    return ClosedBounds(plain: index.minima[page], index.maxima[page], types[column])
                }
                if !mayMatch { return nil }
            }
            if let bounds = keys?.int64Bounds(page), !scan.mayWant(keys: bounds) { return nil }
            if let bounds = times?.int64Bounds(page), !scan.mayWant(times: bounds) { return nil }
            return (page, location.rowCount)
        }
    }
}

extension ClosedBounds {
    /// From a file's statistics, plain-encoded; nil where they make no sense.
    init?(plain least: ArraySlice<UInt8>, _ greatest: ArraySlice<UInt8>, _ type: ColumnType) {
        switch type {
        case .int64, .timestamp:
            guard let low = Int64(littleEndian: least), let high = Int64(littleEndian: greatest), low <= high else {
                return nil
            }
            self.init(.int64(low), .int64(high))
        case .float64:
            guard let low = Int64(littleEndian: least), let high = Int64(littleEndian: greatest) else { return nil }
            let bounds = (Double(bitPattern: UInt64(bitPattern: low)), Double(bitPattern: UInt64(bitPattern: high)))
            guard bounds.0 <= bounds.1 else { return nil }
            self.init(.float64(bounds.0), .float64(bounds.1))
        case .bytes, .text: self.init(.bytes(Array(least)), .bytes(Array(greatest)))
        case .bool: return nil
        }
    }
}

extension Int64 {
    fileprivate init?(littleEndian bytes: ArraySlice<UInt8>) {
        guard bytes.count == 8 else { return nil }
        self.init(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension FileScan {
    func mayWant(times bounds: ClosedRange<Int64>) -> Bool { times?.overlaps(bounds) ?? true }

    func mayWant(keys bounds: ClosedRange<Int64>) -> Bool {
        guard let keys else { return true }
        let first = keys.partitioningIndex { $0 >= bounds.lowerBound }
        return first < keys.count && keys[first] <= bounds.upperBound
    }

    /// The rows wanted, ascending; nil: all of them.
    ///
    /// - Parameters:
    ///   - keys: the selection column, one value per row; nil where there is none.
    ///   - times: the time column; nil where there is none.
    public func wantedRows(keys column: [Int64]?, times timeColumn: [Int64]?) -> [Int]? {
        let wantedKeys = column == nil ? nil : keys
        let wantedTimes = timeColumn == nil ? nil : times
        if wantedKeys == nil && wantedTimes == nil { return nil }
        let count = column?.count ?? timeColumn?.count ?? 0
        var rows: [Int] = []
        var last: (key: Int64, isWanted: Bool)?
        for row in 0..<count {
            if let wantedTimes, let timeColumn, !wantedTimes.contains(timeColumn[row]) { continue }
            if let wantedKeys, let column {
                let key = column[row]
                if last?.key != key {
                    let at = wantedKeys.partitioningIndex { $0 >= key }
                    last = (key, at < wantedKeys.count && wantedKeys[at] == key)
                }
                guard last?.isWanted == true else { continue }
            }
            rows.append(row)
        }
        return rows.count == count ? nil : rows
    }
}

extension Array {
    /// The first index whose element fulfils what all elements after it fulfil too.
    fileprivate func partitioningIndex(where isAfter: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = low + (high - low) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
