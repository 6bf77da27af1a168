/// What a reader takes at most, whatever a file declares.
public struct ParquetLimits: Sendable, Hashable {
    /// Bytes of one page, as it lies in the file or unpacked, and of the values that it decodes to.
    public var pageBytes = 256 << 20
    /// Values of one page: a run of 10^9 takes six bytes to write.
    public var pageValues = 1 << 24
    public var footerBytes = 256 << 20
    /// Ranges with a gap of at most this many bytes are read as one.
    public var gapBytes = 8 << 10
    /// Bytes read from the end of the file at open: enough for the footer and often the page index.
    public var tailBytes = 64 << 10
    public init() {}
}
