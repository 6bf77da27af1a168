import Compression
import Platform

/// Stored pages of one column chunk to checked, unpacked ones.
struct PageUnpacker {
    let leaf: ParquetLeaf
    let chunk: ColumnChunkMetadata
    let file: String
    let limits: ParquetLimits
    /// A file of ours: checksums must be there, encodings be those that the footer counts, sizes fit to the byte.
    let isStrict: Bool

    static func header(
        _ bytes: [UInt8], _ range: Range<Int>, _ place: Place
    ) throws(ParquetError) -> (header: PageHeader, size: Int) {
        do throws(MalformedBytes) {
            return try PageHeader.decode(bytes, in: range)
        } catch {
            throw place.damaged("its header is no page header: expected \(error.expected)")
        }
    }

    /// - Parameters:
    ///   - range: of the page within `bytes`.
    ///   - offset: of the page within the file.
    func dictionary(_ bytes: [UInt8], _ range: Range<Int>, offset: Int) throws(ParquetError) -> ParquetDictionary {
        let place = Place(file: file, column: leaf.name, page: nil, offset: UInt64(offset))
        let (header, size) = try Self.header(bytes, range, place)
        guard case .dictionary(let count, let encoding) = header.kind else {
            throw place.damaged("a data page stands where the dictionary should")
        }
        guard encoding == .plain || encoding == .plainDictionary else {
            throw place.unsupported("a dictionary in \(encoding)")
        }
        try check(.dictionary, .plain, count, place)
        let body = try body(header, size, bytes, range, place)
        let values = try unpack(bytes, body, to: header.uncompressedSize, place)
        return try ParquetDictionary(leaf, count, values, place)
    }

    func page(
        _ bytes: [UInt8], _ range: Range<Int>, _ number: Int, _ location: PageLocation
    ) throws(ParquetError) -> ParquetPage {
        let place = Place(file: file, column: leaf.name, page: number, offset: UInt64(location.offset))
        let (header, size) = try Self.header(bytes, range, place)
        let body = try body(header, size, bytes, range, place)
        switch header.kind {
        case .dictionary, .other: throw place.damaged("it is not a data page")
        case .data(let count, let encoding, let definition, let repetition):
            try check(.data, encoding, count, place)
            guard leaf.maximumRepetition > 0 || count == location.rowCount else {
                throw place.damaged("\(count) values for \(location.rowCount) rows")
            }
            guard leaf.maximumDefinition == 0 || definition == .rle, leaf.maximumRepetition == 0 || repetition == .rle
            else { throw place.unsupported("levels that are bit-packed, as only old writers made them") }
            let plain = try unpack(bytes, body, to: header.uncompressedSize, place)
            return try version1(plain, count, encoding, number, location, place)
        case .dataV2(let count, let nulls, let rows, let encoding, let definitionBytes, let repetitionBytes, let packed):
            try check(.dataV2, encoding, count, place)
            guard rows == location.rowCount, leaf.maximumRepetition > 0 || count == rows, nulls <= count,
                leaf.maximumDefinition > 0 || nulls == 0
            else { throw place.damaged("\(count) values, \(nulls) nulls, \(rows) rows; \(location.rowCount) expected") }
            guard repetitionBytes <= body.count, definitionBytes <= body.count - repetitionBytes,
                repetitionBytes + definitionBytes <= header.uncompressedSize
            else { throw place.damaged("its levels are longer than the page") }
            guard !isStrict || (leaf.maximumRepetition > 0 || repetitionBytes == 0),
                !isStrict || (leaf.maximumDefinition > 0 || definitionBytes == 0)
            else { throw place.damaged("levels that its column does not have") }
            let definitionStart = body.lowerBound + repetitionBytes
            let valuesStart = definitionStart + definitionBytes
            let plainSize = header.uncompressedSize - repetitionBytes - definitionBytes
            let stored = valuesStart..<body.upperBound
            let values: [UInt8]
            if packed {
                values = try unpack(bytes, stored, to: plainSize, place)
            } else {
                guard stored.count == plainSize else { throw place.damaged("its sizes contradict each other") }
                values = Array(bytes[stored])
            }
            return ParquetPage(
                leaf: leaf, number: number, firstRow: location.firstRow, rowCount: rows, valueCount: count,
                presentCount: count - nulls, encoding: encoding,
                definitionLevels: Array(bytes[definitionStart..<valuesStart]),
                repetitionLevels: Array(bytes[body.lowerBound..<definitionStart]), values: values, place: place,
                isStrict: isStrict, limit: limits.pageBytes)
        }
    }

    /// Levels and values are packed together; each kind of levels has its length in four bytes before it.
    private func version1(
        _ plain: [UInt8], _ count: Int, _ encoding: PageEncoding, _ number: Int, _ location: PageLocation,
        _ place: Place
    ) throws(ParquetError) -> ParquetPage {
        var reader = ByteReader(plain)
        var levels: [[UInt8]] = []
        for maximum in [leaf.maximumRepetition, leaf.maximumDefinition] {
            guard maximum > 0 else {
                levels.append([])
                continue
            }
            do throws(MalformedBytes) {
                let length = try reader.integer(UInt32.self, "the length of levels")
                levels.append(Array(try reader.take(Int(length), "levels")))
            } catch {
                throw place.damaged("expected \(error.expected)")
            }
        }
        var page = ParquetPage(
            leaf: leaf, number: number, firstRow: location.firstRow, rowCount: location.rowCount, valueCount: count,
            presentCount: count, encoding: encoding, definitionLevels: levels[1], repetitionLevels: levels[0],
            values: Array(plain[reader.offset...]), place: place, isStrict: isStrict, limit: limits.pageBytes)
        if leaf.maximumDefinition > 0 { page.presentCount = try page.countPresent() }
        return page
    }

    private func check(
        _ type: PageType, _ encoding: PageEncoding, _ count: Int, _ place: Place
    ) throws(ParquetError) {
        guard count <= limits.pageValues else {
            throw place.unsupported("a page of \(count) values; at most \(limits.pageValues) are read")
        }
        guard !isStrict || chunk.encodingCounts.contains(where: { $0.page == type && $0.encoding == encoding }) else {
            throw place.damaged("its header says \(encoding), the footer does not")
        }
    }

    /// Where the stored body lies in `bytes`, its checksum verified.
    private func body(
        _ header: PageHeader, _ headerSize: Int, _ bytes: [UInt8], _ range: Range<Int>, _ place: Place
    ) throws(ParquetError) -> Range<Int> {
        guard header.storedSize == range.count - headerSize else {
            throw place.damaged("its header declares \(header.storedSize) bytes, the index \(range.count - headerSize)")
        }
        guard max(header.storedSize, header.uncompressedSize) <= limits.pageBytes else {
            throw place.unsupported(
                "a page of \(max(header.storedSize, header.uncompressedSize)) bytes; at most \(limits.pageBytes) are read"
            )
        }
        let body = range.lowerBound + headerSize..<range.upperBound
        if let expected = header.crc {
            let found = bytes.withUnsafeBytes { CRC32.checksum(UnsafeRawBufferPointer(rebasing: $0[body])) }
            guard found == expected else {
                throw place.damaged(
                    "CRC-32 0x\(String(found, radix: 16)) instead of 0x\(String(expected, radix: 16))")
            }
        } else if isStrict {
            throw place.damaged("the page has no checksum")
        }
        return body
    }

    private func unpack(
        _ bytes: [UInt8], _ range: Range<Int>, to size: Int, _ place: Place
    ) throws(ParquetError) -> [UInt8] {
        let codec: Codec
        switch chunk.codec {
        case .uncompressed: codec = .none
        case .snappy: codec = .snappy
        case .gzip: codec = .gzip
        case .zstd: codec = .zstd
        case .lz4Raw: codec = .lz4raw
        case .lzo, .brotli, .lz4: throw place.unsupported("pages compressed with \(chunk.codec)")
        }
        // Some writers pack nothing to nothing.
        if size == 0 && range.isEmpty { return [] }
        do throws(CompressionError) {
            return try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in
                try Decompression.decompress(UnsafeRawBufferPointer(rebasing: raw[range]), codec, exactSize: size)
            }
        } catch {
            throw place.damaged("\(error)")
        }
    }
}
