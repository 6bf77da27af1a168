import Columnar
import Platform
import Synchronization

/// The values of one label key, row by row: each distinct value once, and a code for every row that has the key.
///
/// - Rows come in rising order, and are taken in that order.
struct KeyedValues {
    let name: [UInt8]
    private var values = SymbolTable(hash: Self.hash)
    private var rows: [UInt32] = []
    private var codes: [UInt32] = []
    /// So many are taken already.
    private var taken = 0
    /// Of each value its code in the stretch that is being taken, or `absent`.
    private var localCodes: [UInt32] = []

    private static let absent = UInt32.max
    private static let hash = KeyedHash128(random: ProcessKey())

    init(name: [UInt8]) { self.name = name }

    var count: Int { rows.count }
    /// Bytes held.
    var memory: Int { rows.count * 8 + values.memory }

    mutating func append(_ value: UnsafeRawBufferPointer, row: UInt32) {
        rows.append(row)
        codes.append(values.intern(value))
    }

    /// The values of the rows below `end` that were not taken before: their rows, codes, and the values that the codes mean,
    /// in order of first use.
    mutating func take(upTo end: Int) -> (rows: ArraySlice<UInt32>, codes: [UInt32], dictionary: BytesColumn) {
        let start = taken
        while taken < rows.count, rows[taken] < end { taken += 1 }
        let view = values.view
        localCodes.append(contentsOf: repeatElement(Self.absent, count: view.count - localCodes.count))
        var dictionary = BytesColumn()
        var used: [UInt32] = []
        var local: [UInt32] = []
        local.reserveCapacity(taken - start)
        for code in codes[start..<taken] {
            if localCodes[Int(code)] == Self.absent {
                localCodes[Int(code)] = UInt32(used.count)
                used.append(code)
                dictionary.append(view.text(code))
            }
            local.append(localCodes[Int(code)])
        }
        for code in used { localCodes[Int(code)] = Self.absent }
        return (rows[start..<taken], local, dictionary)
    }
}

/// Label keys and what their rows hold. Series of one metric have the same keys, so a key is looked for first where it stood
/// in the row before.
struct LabelKeys {
    private(set) var columns: [KeyedValues] = []
    private var numbers: [[UInt8]: Int] = [:]
    /// Of each position within a row, the key seen there last.
    private var lastAt: [Int] = []

    /// Bytes held.
    var memory: Int { columns.reduce(0) { $0 + $1.memory } }

    mutating func append(_ value: UnsafeRawBufferPointer, row: UInt32, key: UnsafeRawBufferPointer, at position: Int) {
        columns[number(of: key, at: position)].append(value, row: row)
    }

    private mutating func number(of key: UnsafeRawBufferPointer, at position: Int) -> Int {
        if position < lastAt.count {
            let guess = lastAt[position]
            if columns[guess].name.withUnsafeBytes({ ByteOrder.areEqual($0, key) }) { return guess }
        }
        let bytes = Array(key)
        let number: Int
        if let known = numbers[bytes] {
            number = known
        } else {
            number = columns.count
            columns.append(KeyedValues(name: bytes))
            numbers[bytes] = number
        }
        if position < lastAt.count {
            lastAt[position] = number
        } else if position == lastAt.count {
            lastAt.append(number)
        }
        return number
    }
}

/// The key of hashes that live no longer than a file is made: of this process, as Swift's own is.
private final class ProcessKey: RandomSource {
    private let calls = Atomic<Int>(0)

    func next() -> UInt64 {
        var hasher = Hasher()
        hasher.combine(calls.wrappingAdd(1, ordering: .relaxed).newValue)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
