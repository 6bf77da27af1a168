import Columnar

@testable import Compression
@testable import Encodings

extension FuzzBody {
    /// Decoder, width, count (two bytes), then encoded values.
    @Sendable public static func encodings(_ bytes: [UInt8]) {
        guard bytes.count > 4 else { return }
        let width = Int(bytes[1])
        let count = Int(bytes[2]) << 8 | Int(bytes[3])
        let encoded = Array(bytes[4...])
        encoded.withUnsafeBytes { raw in
            switch bytes[0] % 12 {
            case 0:
                var values: [Int64] = []
                guard (try? DeltaBinaryPacked.decode(raw, count: count, into: &values)) != nil else { return }
                precondition(values.count == count)
                for form in [DeltaBinaryPacked.Form.tight, .byte] {
                    var again: [UInt8] = []
                    DeltaBinaryPacked.encode(values, form: form, into: &again)
                    var reread: [Int64] = []
                    _ = try? again.withUnsafeBytes {
                        try DeltaBinaryPacked.decode($0, count: count, into: &reread)
                    }
                    precondition(reread == values)
                }
                var first: [Int64] = []
                try? DeltaBinaryPacked.decodePrefix(raw, count: count, first: min(count, width), into: &first)
                precondition(first.elementsEqual(values.prefix(width)))
            case 1:
                var codes: [UInt32] = []
                let runs = try? RunLengthHybrid.decodeRuns(raw, width: width % 40, count: count)
                let plain = try? RunLengthHybrid.decode(raw, width: width % 40, count: count, into: &codes)
                precondition((runs == nil) == (plain == nil))
                guard let runs else { return }
                precondition(runs.flatMap { Array(repeating: $0.value, count: $0.count) } == codes)
                var again: [UInt8] = []
                RunLengthHybrid.encode(codes, width: width % 40, into: &again)
                var reread: [UInt32] = []
                _ = try? again.withUnsafeBytes {
                    try RunLengthHybrid.decode($0, width: width % 40, count: count, into: &reread)
                }
                precondition(reread == codes)
            case 2:
                var values = BytesColumn()
                _ = try? DeltaByteArrays.decodeLengths(raw, count: count, into: &values)
            case 3:
                var values = BytesColumn()
                guard (try? DeltaByteArrays.decode(raw, count: count, limit: 1 << 20, into: &values)) != nil else {
                    return
                }
                precondition(values.count == count && values.bytes.count <= 1 << 20)
                var again: [UInt8] = []
                DeltaByteArrays.encode(values, into: &again)
                var reread = BytesColumn()
                _ = try? again.withUnsafeBytes {
                    try DeltaByteArrays.decode($0, count: count, limit: 1 << 20, into: &reread)
                }
                precondition(reread == values)
            case 4:
                var values = BytesColumn()
                _ = try? PlainEncoding.decode(raw, count: count, into: &values)
            case 5:
                var values = BytesColumn()
                _ = try? PlainEncoding.decode(raw, count: count, width: width, into: &values)
                _ = try? ByteStreamSplit.decode(raw, count: count, width: width, into: &values)
            case 6:
                var values: [Double] = []
                _ = try? PlainEncoding.decode(raw, count: count, into: &values)
                _ = try? ByteStreamSplit.decode(raw, count: count, into: &values)
            case 7:
                var values: [Float] = []
                _ = try? PlainEncoding.decode(raw, count: count, into: &values)
                _ = try? ByteStreamSplit.decode(raw, count: count, into: &values)
            case 8:
                var flags: [Bool] = []
                _ = try? PlainEncoding.decode(raw, count: count, into: &flags)
            case 9:
                var codes: [UInt32] = []
                guard (try? RunLengthHybrid.decode(raw, width: width % 40, count: count, into: &codes)) != nil else {
                    return
                }
                var values = BytesColumn()
                let entries = BytesColumn((0..<Int(bytes[0])).map { Array(repeating: 0, count: $0) })
                _ = try? DictionaryEncoding.gather(entries, by: codes, limit: 1 << 20, into: &values)
                var numbers: [Int64] = []
                _ = try? DictionaryEncoding.gather(Array(0..<Int64(bytes[0])), by: codes, into: &numbers)
            case 10:
                // Any values at all as decimals, and back.
                let values = stride(from: 0, to: raw.count & ~7, by: 8).map {
                    Double(bitPattern: raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
                }
                guard let scaled = DecimalScaling.choose(values) else { return }
                var restored: [Double] = []
                scaled.integers.withUnsafeBufferPointer {
                    DecimalScaling.restore($0, divisor: scaled.divisor, into: &restored)
                }
                let exceptions = Set(scaled.exceptions)
                for i in values.indices where !exceptions.contains(i) {
                    precondition(restored[i].bitPattern == values[i].bitPattern)
                }
            default:
                let values = stride(from: 0, to: raw.count & ~3, by: 4).map {
                    raw.loadUnaligned(fromByteOffset: $0, as: Int32.self)
                }
                var packed: [UInt8] = []
                DeltaBinaryPacked.encode(values, into: &packed)
                var wide: [Int64] = []
                _ = try? packed.withUnsafeBytes {
                    try DeltaBinaryPacked.decode($0, count: values.count, into: &wide)
                }
                precondition(wide.map { Int32(truncatingIfNeeded: $0) } == values)
            }
        }
    }

    /// Codec, size (two bytes), then packed bytes.
    @Sendable public static func compression(_ bytes: [UInt8]) {
        guard bytes.count > 3 else { return }
        let codec = Codec.allCases[Int(bytes[0]) % Codec.allCases.count]
        let size = Int(bytes[1]) << 8 | Int(bytes[2])
        let packed = Array(bytes[3...])
        packed.withUnsafeBytes { raw in
            if let plain = try? Decompression.decompress(raw, codec, exactSize: size) {
                precondition(plain.count == size)
            }
        }
        switch codec {
        case .snappy: if let plain = try? Snappy.decompress(packed, limit: size) { precondition(plain.count <= size) }
        case .zstd: if let plain = try? Zstd.decompress(packed, limit: size) { precondition(plain.count <= size) }
        case .gzip: if let plain = try? Gzip.decompress(packed, limit: size) { precondition(plain.count <= size) }
        case .none, .lz4raw: break
        }
        guard let again = try? compress(packed, codec) else { preconditionFailure("not compressed") }
        let plain = again.withUnsafeBytes { try? Decompression.decompress($0, codec, exactSize: packed.count) }
        precondition(plain == packed)
    }
}
