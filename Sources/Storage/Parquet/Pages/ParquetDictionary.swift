public import Columnar
import Encodings

/// The distinct values of a column chunk, by code.
public enum ParquetDictionary: Sendable, Hashable {
    case int32([Int32])
    case int64([Int64])
    case double([Double])
    case bytes(BytesColumn)

    public var count: Int {
        switch self {
        case .int32(let values): values.count
        case .int64(let values): values.count
        case .double(let values): values.count
        case .bytes(let values): values.count
        }
    }

    init(_ type: PhysicalType, _ count: Int, _ encoded: [UInt8], _ place: Place) throws(ParquetError) {
        do throws(EncodingError) {
            let consumed: Int
            switch type {
            case .int32:
                var values: [Int32] = []
                consumed = try encoded.decoding { (raw) throws(EncodingError) in
                    try PlainEncoding.decode(raw, count: count, into: &values)
                }
                self = .int32(values)
            case .int64:
                var values: [Int64] = []
                consumed = try encoded.decoding { (raw) throws(EncodingError) in
                    try PlainEncoding.decode(raw, count: count, into: &values)
                }
                self = .int64(values)
            case .double:
                var values: [Double] = []
                consumed = try encoded.decoding { (raw) throws(EncodingError) in
                    try PlainEncoding.decode(raw, count: count, into: &values)
                }
                self = .double(values)
            case .byteArray:
                var values = BytesColumn()
                consumed = try encoded.decoding { (raw) throws(EncodingError) in
                    try PlainEncoding.decode(raw, count: count, into: &values)
                }
                self = .bytes(values)
            case .boolean, .int96, .float, .fixedLengthByteArray: throw EncodingError("PLAIN", "values of type \(type)")
            }
            guard consumed == encoded.count else {
                throw EncodingError("PLAIN", "\(encoded.count - consumed) bytes behind \(count) values")
            }
        } catch {
            throw place.damaged("its dictionary cannot be decoded: \(error)")
        }
    }
}

extension [UInt8] {
    /// The same as `withUnsafeBytes`, with the error's type kept.
    func decoding<T>(_ body: (UnsafeRawBufferPointer) throws(EncodingError) -> T) throws(EncodingError) -> T {
        try span.bytes.withUnsafeBytes(body)
    }
}
