import Platform

/// Checksums of what Parquet leaves unprotected: the footer and the page index.
///
/// Two keys of the key-value metadata, the last two of our files:
///
///     varve.page_index_crc   one CRC-32C a row group (8 hex digits each, commas between) over the bytes from its first
///                            column index to the end of its last offset index
///     varve.footer_crc       CRC-32C (8 hex digits) over the footer, in which these 8 digits count as zeros
///
/// Other readers pass over them. Without them a flipped bit in a bound would hide rows.
enum FooterSeal {
    static let indexKey = "varve.page_index_crc"
    static let footerKey = "varve.footer_crc"
    private static let blank = "00000000"

    static func sealed(_ metadata: FileMetadata, indexChecksums: [UInt32]) -> [UInt8] {
        var metadata = metadata
        metadata.keyValues.append(KeyValue(indexKey, indexChecksums.map(hex).joined(separator: ",")))
        metadata.keyValues.append(KeyValue(footerKey, blank))
        var footer = FooterEncoder.bytes(metadata)
        guard let digits = place(of: Array(blank.utf8), in: footer) else { preconditionFailure("the key was written") }
        footer.replaceSubrange(digits, with: Array(hex(CRC32C.checksum(footer)).utf8))
        return footer
    }

    /// nil: the footer has no checksum, so another writer made it.
    static func isIntact(_ footer: [UInt8], _ metadata: FileMetadata) -> Bool? {
        guard let expected = metadata.value(for: footerKey) else {
            // One key without the other: this one's name is damaged.
            return metadata.value(for: indexKey) == nil ? nil : false
        }
        guard let digits = place(of: Array(expected.utf8), in: footer) else { return false }
        var blanked = footer
        blanked.replaceSubrange(digits, with: Array(blank.utf8))
        return expected == hex(CRC32C.checksum(blanked))
    }

    /// The checksum of a row group's page index; nil: there is none.
    static func indexChecksums(_ metadata: FileMetadata) -> [UInt32]? {
        guard let text = metadata.value(for: indexKey) else { return nil }
        let values = text.split(separator: ",").map { UInt32($0, radix: 16) }
        guard values.count == metadata.rowGroups.count, values.allSatisfy({ $0 != nil }) else { return [] }
        return values.compactMap { $0 }
    }

    /// The eight digits of the key's value: after the last occurrence of the key, a field header and a length.
    private static func place(of value: [UInt8], in footer: [UInt8]) -> Range<Int>? {
        let key = Array(footerKey.utf8)
        guard value.count == 8, footer.count >= key.count + 10 else { return nil }
        for start in stride(from: footer.count - key.count - 10, through: 0, by: -1)
        where footer[start] == key[0] && footer[start..<start + key.count].elementsEqual(key) {
            let digits = start + key.count + 2..<start + key.count + 10
            return footer[digits].elementsEqual(value) ? digits : nil
        }
        return nil
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
