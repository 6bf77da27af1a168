/// Label texts are bytes: two spellings of one character are two labels, and order is byte order. Swift's own `==` and
/// `<` compare by canonical equivalence.
extension String {
    @inlinable public func hasSameBytes(as other: String) -> Bool {
        // Same bytes imply canonical equivalence, so the fast comparison settles nearly all; then the bytes decide.
        self == other && utf8.elementsEqual(other.utf8)
    }
    @inlinable public func precedesByBytes(_ other: String) -> Bool {
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}
