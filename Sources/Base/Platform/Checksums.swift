import CPlatform

/// CRC-32C (Castagnoli): log batches, manifest files, objects.
public enum CRC32C {
    public static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0) }
    }
    public static func checksum(_ bytes: UnsafeRawBufferPointer, continuing seed: UInt32 = 0) -> UInt32 {
        guard let start = bytes.baseAddress else { return seed }
        return varve_crc32c(seed, start, bytes.count)
    }
}

/// CRC-32 (zlib's polynomial): Parquet pages.
public enum CRC32 {
    public static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0) }
    }
    public static func checksum(_ bytes: UnsafeRawBufferPointer, continuing seed: UInt32 = 0) -> UInt32 {
        guard let start = bytes.baseAddress else { return seed }
        return varve_crc32(seed, start, bytes.count)
    }
}
