/// Pages of one column chunk that are wanted.
public struct PageRequest: Sendable, Hashable {
    public var rowGroup: Int
    public var column: Int
    /// Ascending page numbers; nil: all.
    public var pages: [Int]?
    /// False where the caller still has the chunk's dictionary.
    public var withDictionary: Bool

    public init(rowGroup: Int, column: Int, pages: [Int]? = nil, withDictionary: Bool = true) {
        self.rowGroup = rowGroup
        self.column = column
        self.pages = pages
        self.withDictionary = withDictionary
    }
}

extension ParquetFile {
    /// Fetches the pages asked for with few reads, verifies their checksums and unpacks them.
    ///
    /// - Returns: one element per request, in its order.
    /// - Throws: `ParquetError`, and whatever the source throws.
    public func read(_ requests: [PageRequest]) async throws -> [ColumnPages] {
        var wanted: [(dictionary: Range<Int>?, pages: [(number: Int, location: PageLocation)])] = []
        for request in requests {
            let chunk = try chunk(request.rowGroup, request.column)
            let locations = try await pageLocations(rowGroup: request.rowGroup, column: request.column)
            guard request.pages == nil || leaves[request.column].maximumRepetition == 0 || chunk.offsetIndex != nil
            else {
                // Without an index, a row may go on in the next page.
                throw place(column: request.column).misuse("its pages are read all together: rows may cross them")
            }
            var pages: [(number: Int, location: PageLocation)] = []
            for number in request.pages ?? Array(locations.indices) {
                guard locations.indices.contains(number) else {
                    throw place(column: request.column, page: number).misuse("the chunk has \(locations.count) pages")
                }
                pages.append((number, locations[number]))
            }
            var dictionary: Range<Int>?
            if request.withDictionary, let first = locations.first, first.offset > chunk.start {
                dictionary = chunk.start..<first.offset
            }
            wanted.append((dictionary, pages))
        }
        let bytes = try await fetch(
            wanted.flatMap { [$0.dictionary].compactMap { $0 } + $0.pages.map(\.location.bytes) })
        var result: [ColumnPages] = []
        for (request, want) in zip(requests, wanted) {
            let unpacker = PageUnpacker(
                leaf: leaves[request.column], chunk: try chunk(request.rowGroup, request.column), file: name,
                limits: limits, isStrict: isSealed)
            var column = ColumnPages(leaf: leaves[request.column], file: name, dictionary: nil, pages: [])
            if let range = want.dictionary {
                let (part, within) = bytes.locate(range)
                column.dictionary = try unpacker.dictionary(part, within, offset: range.lowerBound)
            }
            for (number, location) in want.pages {
                let (part, within) = bytes.locate(location.bytes)
                column.pages.append(try unpacker.page(part, within, number, location))
            }
            result.append(column)
        }
        return result
    }

    /// One request alone.
    public func read(_ request: PageRequest) async throws -> ColumnPages { try await read([request])[0] }

    /// Page locations of a chunk without an offset index: one read of the whole chunk.
    func walk(_ chunk: ColumnChunkMetadata, rowGroup: Int, column: Int) async throws -> [PageLocation] {
        let (bytes, range) = try await fetch([chunk.bytes]).locate(chunk.bytes)
        let rows = metadata.rowGroups[rowGroup].rowCount
        var pages: [PageLocation] = []
        let unpacker = PageUnpacker(
            leaf: leaves[column], chunk: chunk, file: name, limits: limits, isStrict: isSealed)
        var at = range.lowerBound
        var row = 0
        var values = 0
        while at < range.upperBound, values < chunk.valueCount {
            let offset = chunk.start + at - range.lowerBound
            let place = place(column: column, page: pages.count, offset: offset)
            let (header, size) = try PageUnpacker.header(bytes, at..<range.upperBound, place)
            guard header.storedSize <= range.upperBound - at - size else {
                throw place.damaged("its \(header.storedSize) bytes do not fit into the column chunk")
            }
            let pageSize = size + header.storedSize
            var pageRows: Int?
            switch header.kind {
            case .dictionary:
                guard pages.isEmpty else { throw place.damaged("a dictionary page between data pages") }
            case .other: throw place.unsupported("a page of an unknown type")
            case .data(let count, _, _, _):
                values += count
                pageRows = count
                if leaves[column].maximumRepetition > 0 {
                    // Version 1 does not say how many rows begin in the page: its levels do.
                    let location = PageLocation(offset: offset, size: pageSize, firstRow: row, rowCount: rows - row)
                    pageRows = try unpacker.page(bytes, at..<at + pageSize, pages.count, location).rowStarts()
                }
            case .dataV2(let count, _, let rowCount, _, _, _, _):
                values += count
                pageRows = rowCount
            }
            if let pageRows {
                guard pageRows <= rows - row else { throw place.damaged("more rows than its row group") }
                pages.append(PageLocation(offset: offset, size: pageSize, firstRow: row, rowCount: pageRows))
                row += pageRows
            }
            at += pageSize
        }
        guard row == rows, values == chunk.valueCount else {
            throw place(column: column).damaged("row group \(rowGroup) has \(rows) rows, its pages hold \(row)")
        }
        return pages
    }
}
