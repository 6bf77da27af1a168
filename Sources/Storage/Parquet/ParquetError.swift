/// A Parquet file that cannot be read, or may not be written so: which file, column and page, at which byte, and what
/// was found there.
public struct ParquetError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Split by what the caller would do.
    public enum Kind: Sendable, Hashable {
        /// The bytes are not what was written: take another copy, or give the file up.
        case damaged
        /// A proper file of a kind that this reader does not know, or beyond its bounds.
        case unsupported
        /// The call makes no sense: a mistake of the caller.
        case misuse
    }

    public var kind: Kind
    /// The name given at open; empty while a file is being written.
    public var file: String
    /// Dotted path of the column.
    public var column: String?
    /// Number of the page within its column chunk, from 0.
    public var page: Int?
    /// Bytes from the start of the file.
    public var offset: UInt64?
    public var problem: String

    public init(
        _ kind: Kind, file: String = "", column: String? = nil, page: Int? = nil, offset: UInt64? = nil,
        _ problem: String
    ) {
        self.kind = kind
        self.file = file
        self.column = column
        self.page = page
        self.offset = offset
        self.problem = problem
    }

    public var description: String {
        var place = file.isEmpty ? "the Parquet file" : file
        if let column { place += ", column \(column)" }
        if let page { place += ", page \(page)" }
        if let offset { place += ", byte \(offset)" }
        switch kind {
        case .damaged:
            return "\(place) is damaged: \(problem). Nothing was changed; `varve verify` checks the whole file."
        case .unsupported: return "\(place) cannot be read: \(problem)"
        case .misuse: return "\(place): \(problem)"
        }
    }
}

/// Where in a file something is being read: makes errors that say so.
struct Place: Sendable {
    var file: String
    var column: String?
    var page: Int?
    var offset: UInt64?

    func damaged(_ problem: String) -> ParquetError { error(.damaged, problem) }
    func unsupported(_ problem: String) -> ParquetError { error(.unsupported, problem) }
    func misuse(_ problem: String) -> ParquetError { error(.misuse, problem) }

    private func error(_ kind: ParquetError.Kind, _ problem: String) -> ParquetError {
        ParquetError(kind, file: file, column: column, page: page, offset: offset, problem)
    }
}
