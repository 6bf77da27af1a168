public import Columnar
import Platform

/// Bounds of each page of a column chunk.
///
/// - All lists have one entry per page.
/// - A page of nulls only has empty bounds, which say nothing.
/// - Bounds of text may be shortened: no value lies outside, but the bound itself need not exist.
public struct ColumnIndex: Sendable, Hashable {
    public var nullPages: [Bool]
    /// Plain-encoded: 8 bytes little-endian, or the bytes themselves without a length.
    public var minima: BytesColumn
    public var maxima: BytesColumn
    public var order: BoundaryOrder
    /// nil: not known.
    public var nullCounts: [Int]?

    public var pageCount: Int { nullPages.count }

    /// Least and greatest value of a page of INT64; nil where there are only nulls or the bounds make no sense.
    public func int64Bounds(_ page: Int) -> ClosedRange<Int64>? {
        guard !nullPages[page], let low = Int64(plain: minima[page]), let high = Int64(plain: maxima[page]), low <= high
        else { return nil }
        return low...high
    }

    /// As `int64Bounds`, of DOUBLE.
    public func doubleBounds(_ page: Int) -> ClosedRange<Double>? {
        guard !nullPages[page], let low = Int64(plain: minima[page]), let high = Int64(plain: maxima[page]) else {
            return nil
        }
        let bounds = (Double(bitPattern: UInt64(bitPattern: low)), Double(bitPattern: UInt64(bitPattern: high)))
        guard bounds.0 <= bounds.1 else { return nil }
        return bounds.0...bounds.1
    }
}

extension ColumnIndex {
    init(decoding bytes: [UInt8]) throws(MalformedBytes) {
        var reader = CompactReader(bytes)
        var nullPages: [Bool]?
        var minima: BytesColumn?
        var maxima: BytesColumn?
        var order: BoundaryOrder?
        var nullCounts: [Int]?
        var fields = try reader.enter("a column index")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1:
                var found: [Bool] = []
                for _ in 0..<(try reader.list(field, of: .yes)) {
                    found.append(try reader.boolElement("the flag of a page of nulls"))
                }
                nullPages = found
            case 2: minima = try Self.bounds(field, &reader)
            case 3: maxima = try Self.bounds(field, &reader)
            case 4: order = BoundaryOrder(rawValue: try reader.int32(field))
            case 5:
                var found: [Int] = []
                for _ in 0..<(try reader.list(field, of: .int64)) {
                    found.append(Int(try reader.int64Element("the nulls of a page")))
                }
                nullCounts = found
            default: try reader.skip(field)
            }
        }
        guard let nullPages, let minima, let maxima, let order else {
            throw reader.malformed("null pages, bounds and their order in a column index")
        }
        let counts = [minima.count, maxima.count, nullCounts?.count ?? nullPages.count]
        guard reader.remaining == 0, counts.allSatisfy({ $0 == nullPages.count }) else {
            throw reader.malformed("one entry per page in each list of a column index")
        }
        self.init(nullPages: nullPages, minima: minima, maxima: maxima, order: order, nullCounts: nullCounts)
    }

    private static func bounds(
        _ field: CompactReader.Field, _ reader: inout CompactReader
    ) throws(MalformedBytes) -> BytesColumn {
        var found = BytesColumn()
        for _ in 0..<(try reader.list(field, of: .binary)) { found.append(try reader.binaryElement("a bound")) }
        return found
    }

    func encoded() -> [UInt8] {
        var writer = CompactWriter()
        writer.structure { index in
            index.list(1, of: .yes, count: nullPages.count)
            for isNull in nullPages { index.element(isNull) }
            index.list(2, of: .binary, count: minima.count)
            for i in 0..<minima.count { index.element(minima[i]) }
            index.list(3, of: .binary, count: maxima.count)
            for i in 0..<maxima.count { index.element(maxima[i]) }
            index.int32(4, order.rawValue)
            if let nullCounts {
                index.list(5, of: .int64, count: nullCounts.count)
                for count in nullCounts { index.element(Int64(count)) }
            }
        }
        return writer.bytes
    }
}

extension ChunkStatistics {
    /// Least and greatest value of an INT64 column; nil where nothing is said or it makes no sense.
    public var int64Bounds: ClosedRange<Int64>? {
        guard let minimum, let maximum, let low = Int64(plain: minimum[...]), let high = Int64(plain: maximum[...]),
            low <= high
        else { return nil }
        return low...high
    }
}
