import Columnar

/// The rows of a column of byte strings, without a slice per row. Lives inside `BytesColumn.withRows`.
struct ByteRows {
    private let base: UnsafeRawBufferPointer
    private let offsets: UnsafeBufferPointer<Int>

    fileprivate init(_ base: UnsafeRawBufferPointer, _ offsets: UnsafeBufferPointer<Int>) {
        self.base = base
        self.offsets = offsets
    }

    @inline(__always)
    subscript(_ row: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: base[offsets[row]..<offsets[row + 1]])
    }
}

extension BytesColumn {
    func withRows<Result>(_ body: (ByteRows) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { base in try offsets.withUnsafeBufferPointer { try body(ByteRows(base, $0)) } }
    }
}
