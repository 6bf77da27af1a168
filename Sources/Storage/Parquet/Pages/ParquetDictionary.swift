public import Columnar
import Encodings

/// The distinct values of a column chunk, by code.
public enum ParquetDictionary: Sendable, Hashable {
    case int32([Int32])
    case int64([Int64])
    case float([Float])
    case double([Double])
    /// Also of fixed lengths, and int96.
    case bytes(BytesColumn)

    public var count: Int {
        switch self {
        case .int32(let values): values.count
        case .int64(let values): values.count
        case .float(let values): values.count
        case .double(let values): values.count
        case .bytes(let values): values.count
        }
    }

    init(_ leaf: ParquetLeaf, _ count: Int, _ encoded: [UInt8], _ place: Place) throws(ParquetError) {
        do throws(EncodingError) {
            let consumed: Int
            switch leaf.physical {
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
            case .float:
                var values: [Float] = []
                consumed = try encoded.decoding { (raw) throws(EncodingError) in
                    try PlainEncoding.decode(raw, count: count, into: &values)
                }
                self = .float(values)
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
            case .int96, .fixedLengthByteArray:
                var values = BytesColumn()
                consumed = try encoded.decoding { (raw) throws(EncodingError) in
                    try PlainEncoding.decode(raw, count: count, width: leaf.fixedLength, into: &values)
                }
                self = .bytes(values)
            case .boolean: throw EncodingError("PLAIN", "a dictionary of booleans")
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
