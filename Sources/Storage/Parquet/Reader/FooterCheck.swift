/// Does a footer make sense for its file? Everything that the reader leans on later is checked here once.
///
/// - Each row group has one chunk per leaf, of the leaf's type and path.
/// - Each chunk lies between the first magic and the footer, and each page index too.
/// - Rows add up; a flat column has one value a row.
enum FooterCheck {
    static func check(_ metadata: FileMetadata, _ leaves: [ParquetLeaf], footerStart: Int, _ file: Place)
        throws(ParquetError)
    {
        var rows = 0
        for (number, group) in metadata.rowGroups.enumerated() {
            guard group.columns.count == leaves.count else {
                throw file.damaged("row group \(number) has \(group.columns.count) columns, the schema \(leaves.count)")
            }
            let (sum, overflow) = rows.addingReportingOverflow(group.rowCount)
            guard !overflow else { throw file.damaged("its row groups count too many rows") }
            rows = sum
            guard group.sortingColumns.allSatisfy({ leaves.indices.contains($0.column) }) else {
                throw file.damaged("row group \(number) is sorted by a column that is not there")
            }
            for (chunk, leaf) in zip(group.columns, leaves) {
                var place = file
                place.column = leaf.name
                try check(chunk, leaf, rows: group.rowCount, footerStart, place, group: number)
            }
        }
        guard rows == metadata.rowCount else {
            throw file.damaged("it declares \(metadata.rowCount) rows, its row groups \(rows)")
        }
    }

    private static func check(
        _ chunk: ColumnChunkMetadata, _ leaf: ParquetLeaf, rows: Int, _ footerStart: Int, _ place: Place, group: Int
    ) throws(ParquetError) {
        guard chunk.type == leaf.physical, chunk.path == leaf.path else {
            throw place.damaged(
                "row group \(group) holds \(chunk.path.joined(separator: ".")) \(chunk.type) in its place")
        }
        guard leaf.maximumRepetition > 0 || chunk.valueCount == rows else {
            throw place.damaged("row group \(group) has \(rows) rows, but \(chunk.valueCount) values of it")
        }
        let start = chunk.dictionaryPageOffset ?? chunk.dataPageOffset
        let first = FileFrame.magic.count
        guard start >= first || chunk.compressedSize == 0, start <= footerStart,
            chunk.compressedSize <= footerStart - start, chunk.dataPageOffset <= start + chunk.compressedSize
        else { throw place.damaged("its pages in row group \(group) do not lie within the file") }
        for index in [chunk.columnIndex, chunk.offsetIndex].compactMap({ $0 }) {
            guard index.lowerBound >= first, index.upperBound <= footerStart else {
                throw place.damaged("its page index in row group \(group) does not lie within the file")
            }
        }
    }
}
