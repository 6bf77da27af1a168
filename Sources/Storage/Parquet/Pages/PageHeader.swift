import Platform

/// What stands before each page.
struct PageHeader: Equatable {
    enum Kind: Equatable {
        case dictionary(values: Int, encoding: PageEncoding)
        case data(
            values: Int, encoding: PageEncoding, definitionEncoding: PageEncoding, repetitionEncoding: PageEncoding)
        case dataV2(
            values: Int, nulls: Int, rows: Int, encoding: PageEncoding, definitionBytes: Int, repetitionBytes: Int,
            isCompressed: Bool)
        /// Index pages and kinds to come: passed over.
        case other
    }

    /// Bytes of the body, levels included, as if it were not compressed.
    var uncompressedSize: Int
    /// Bytes of the body as it lies in the file.
    var storedSize: Int
    /// CRC-32 of the body as it lies in the file.
    var crc: UInt32?
    var kind: Kind

    /// - Returns: the header at the start of `range` of `bytes`, and how many bytes it takes.
    static func decode(
        _ bytes: [UInt8], in range: Range<Int>
    ) throws(MalformedBytes) -> (header: PageHeader, size: Int) {
        var reader = CompactReader(bytes, in: range)
        let offset = reader.offset
        var type: PageType?
        var uncompressed: Int?
        var stored: Int?
        var crc: UInt32?
        var kind: Kind?
        var fields = try reader.enter("a page header")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: type = PageType(rawValue: try reader.int32(field))
            case 2: uncompressed = try reader.natural32(field)
            case 3: stored = try reader.natural32(field)
            case 4: crc = UInt32(bitPattern: try reader.int32(field))
            case 5: kind = try dataKind(field, &reader)
            case 7: kind = try dictionaryKind(field, &reader)
            case 8: kind = try dataV2Kind(field, &reader)
            default: try reader.skip(field)
            }
        }
        guard let uncompressed, let stored else { throw reader.malformed("the sizes of a page") }
        switch (type, kind) {
        case (.dictionary, .dictionary?), (.data, .data?), (.dataV2, .dataV2?): break
        case (.index, _), (nil, _): kind = .other
        default: throw reader.malformed("a page header of the page's own type")
        }
        let header = PageHeader(uncompressedSize: uncompressed, storedSize: stored, crc: crc, kind: kind ?? .other)
        return (header, reader.offset - offset)
    }

    private static func encoding(_ raw: Int32, _ reader: CompactReader) throws(MalformedBytes) -> PageEncoding {
        guard let encoding = PageEncoding(rawValue: raw) else {
            throw reader.malformed("an encoding that is known, not number \(raw)")
        }
        return encoding
    }

    private static func dataKind(
        _ field: CompactReader.Field, _ reader: inout CompactReader
    ) throws(MalformedBytes) -> Kind {
        try reader.expectStructure(field)
        var values: Int?
        var encoding: PageEncoding?
        var definition = PageEncoding.rle
        var repetition = PageEncoding.rle
        var fields = try reader.enter("a data page header")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: values = try reader.natural32(field)
            case 2: encoding = try self.encoding(try reader.int32(field), reader)
            case 3: definition = try self.encoding(try reader.int32(field), reader)
            case 4: repetition = try self.encoding(try reader.int32(field), reader)
            default: try reader.skip(field)
            }
        }
        guard let values, let encoding else { throw reader.malformed("count and encoding of a data page") }
        return .data(
            values: values, encoding: encoding, definitionEncoding: definition, repetitionEncoding: repetition)
    }

    private static func dictionaryKind(
        _ field: CompactReader.Field, _ reader: inout CompactReader
    ) throws(MalformedBytes) -> Kind {
        try reader.expectStructure(field)
        var values: Int?
        var encoding: PageEncoding?
        var fields = try reader.enter("a dictionary page header")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: values = try reader.natural32(field)
            case 2: encoding = try self.encoding(try reader.int32(field), reader)
            default: try reader.skip(field)
            }
        }
        guard let values, let encoding else { throw reader.malformed("count and encoding of a dictionary page") }
        return .dictionary(values: values, encoding: encoding)
    }

    private static func dataV2Kind(
        _ field: CompactReader.Field, _ reader: inout CompactReader
    ) throws(MalformedBytes) -> Kind {
        try reader.expectStructure(field)
        var values: Int?
        var nulls: Int?
        var rows: Int?
        var encoding: PageEncoding?
        var definitionBytes: Int?
        var repetitionBytes: Int?
        var isCompressed = true
        var fields = try reader.enter("a data page header (version 2)")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: values = try reader.natural32(field)
            case 2: nulls = try reader.natural32(field)
            case 3: rows = try reader.natural32(field)
            case 4: encoding = try self.encoding(try reader.int32(field), reader)
            case 5: definitionBytes = try reader.natural32(field)
            case 6: repetitionBytes = try reader.natural32(field)
            case 7: isCompressed = try reader.bool(field)
            default: try reader.skip(field)
            }
        }
        guard let values, let nulls, let rows, let encoding, let definitionBytes, let repetitionBytes else {
            throw reader.malformed("counts, encoding and level sizes of a data page (version 2)")
        }
        return .dataV2(
            values: values, nulls: nulls, rows: rows, encoding: encoding, definitionBytes: definitionBytes,
            repetitionBytes: repetitionBytes, isCompressed: isCompressed)
    }

    // MARK: writing

    func encoded() -> [UInt8] {
        var writer = CompactWriter()
        writer.structure { page in
            let type: PageType =
                switch kind {
                case .dictionary: .dictionary
                case .data: .data
                case .dataV2: .dataV2
                case .other: .index
                }
            page.int32(1, type.rawValue)
            page.int32(2, Int32(uncompressedSize))
            page.int32(3, Int32(storedSize))
            if let crc { page.int32(4, Int32(bitPattern: crc)) }
            switch kind {
            case .data(let values, let encoding, let definition, let repetition):
                page.structure(5) {
                    $0.int32(1, Int32(values))
                    $0.int32(2, encoding.rawValue)
                    $0.int32(3, definition.rawValue)
                    $0.int32(4, repetition.rawValue)
                }
            case .dictionary(let values, let encoding):
                page.structure(7) {
                    $0.int32(1, Int32(values))
                    $0.int32(2, encoding.rawValue)
                }
            case .dataV2(
                let values, let nulls, let rows, let encoding, let definitionBytes, let repetitionBytes,
                let isCompressed):
                page.structure(8) {
                    $0.int32(1, Int32(values))
                    $0.int32(2, Int32(nulls))
                    $0.int32(3, Int32(rows))
                    $0.int32(4, encoding.rawValue)
                    $0.int32(5, Int32(definitionBytes))
                    $0.int32(6, Int32(repetitionBytes))
                    $0.bool(7, isCompressed)
                }
            case .other: page.structure(6) { _ in }
            }
        }
        return writer.bytes
    }
}
