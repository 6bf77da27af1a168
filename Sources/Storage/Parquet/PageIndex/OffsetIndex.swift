import Platform

/// Where one data page lies, and which rows it holds.
public struct PageLocation: Sendable, Hashable {
    /// Of the page's header, in bytes from the start of the file.
    public var offset: Int
    /// Bytes of header and body.
    public var size: Int
    /// Number of its first row within the row group.
    public var firstRow: Int
    public var rowCount: Int

    public var bytes: Range<Int> { offset..<offset + size }
    public var rows: Range<Int> { firstRow..<firstRow + rowCount }
}

/// Parquet's offset index: the location of each data page of a column chunk.
enum OffsetIndex {
    /// What stands in the file: the number of rows follows from the next page.
    private struct Entry {
        var offset: Int
        var size: Int
        var firstRow: Int
    }

    /// - Returns: pages in order, without gaps between their rows, each within `chunk`, no two overlapping; between
    ///   them they hold `rows` rows.
    static func decode(_ bytes: [UInt8], rows: Int, chunk: Range<Int>) throws(MalformedBytes) -> [PageLocation] {
        var reader = CompactReader(bytes)
        var entries: [Entry] = []
        var fields = try reader.enter("an offset index")
        while let field = try reader.next(&fields) {
            guard field.id == 1 else {
                try reader.skip(field)
                continue
            }
            for _ in 0..<(try reader.list(field, of: .structure)) { entries.append(try entry(&reader)) }
        }
        guard reader.remaining == 0 else { throw reader.malformed("the end of the offset index") }
        var pages: [PageLocation] = []
        var end = chunk.lowerBound
        for (i, entry) in entries.enumerated() {
            let next = i + 1 < entries.count ? entries[i + 1].firstRow : rows
            guard i > 0 || entry.firstRow == 0, next >= entry.firstRow, next <= rows else {
                throw reader.malformed("pages in the order of their rows (page \(i))")
            }
            guard entry.offset >= end, entry.offset <= chunk.upperBound, entry.size <= chunk.upperBound - entry.offset
            else { throw reader.malformed("page \(i) behind the one before it and within the column chunk") }
            end = entry.offset + entry.size
            pages.append(
                PageLocation(
                    offset: entry.offset, size: entry.size, firstRow: entry.firstRow, rowCount: next - entry.firstRow))
        }
        guard !pages.isEmpty || rows == 0 else { throw reader.malformed("a page for \(rows) rows") }
        return pages
    }

    private static func entry(_ reader: inout CompactReader) throws(MalformedBytes) -> Entry {
        var offset: Int?
        var size: Int?
        var row: Int?
        var fields = try reader.enter("the location of a page")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: offset = try reader.natural(field)
            case 2: size = try reader.natural32(field)
            case 3: row = try reader.natural(field)
            default: try reader.skip(field)
            }
        }
        guard let offset, let size, let row, size > 0 else { throw reader.malformed("offset, size and row of a page") }
        return Entry(offset: offset, size: size, firstRow: row)
    }

    static func encode(_ pages: [PageLocation]) -> [UInt8] {
        var writer = CompactWriter()
        writer.structure { index in
            index.list(1, of: .structure, count: pages.count)
            for page in pages {
                index.structure {
                    $0.int64(1, Int64(page.offset))
                    $0.int32(2, Int32(page.size))
                    $0.int64(3, Int64(page.firstRow))
                }
            }
        }
        return writer.bytes
    }
}
