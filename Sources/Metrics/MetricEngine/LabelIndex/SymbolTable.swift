import Platform
import Synchronization

/// Byte strings and their codes, dense from 0 in order of first appearance: a dictionary of metric names, label names, or
/// the values of one label.
///
/// - One writer; views may be read while it goes on: see `AppendColumn`.
struct SymbolTable: Sendable {
    private var ends = AppendColumn<Int>()
    private var bytes = AppendColumn<UInt8>()
    private var slots: SlotStorage
    private let hash: KeyedHash128

    init(hash: KeyedHash128) {
        self.hash = hash
        slots = SlotStorage(bits: 3)
    }

    var count: Int { ends.count }
    var view: SymbolView { SymbolView(ends: ends.view, bytes: bytes.view, slots: slots, hash: hash) }
    /// Bytes held.
    var memory: Int { ends.count * 8 + bytes.count + slots.count * 8 }

    func code(of text: UnsafeRawBufferPointer) -> UInt32? { view.code(of: text) }

    /// The code of `text`, new if need be.
    mutating func intern(_ text: UnsafeRawBufferPointer) -> UInt32 {
        // Neighbours often carry the same value: compared before it is hashed.
        if ends.count > 0, view.has(UInt32(ends.count - 1), text) { return UInt32(ends.count - 1) }
        let hashed = UInt32(truncatingIfNeeded: hash.hash(text).low)
        if let known = view.find(text, hashed) { return known }
        let code = UInt32(ends.count)
        bytes.append(contentsOf: text.bindMemory(to: UInt8.self))
        ends.append(bytes.count)
        if (ends.count + 1) * 4 > slots.count * 3 { grow() }
        slots.insert(hash: hashed, code: code)
        return code
    }

    private mutating func grow() {
        let larger = SlotStorage(bits: slots.bits + 1)
        slots.visit { hash, code in larger.insert(hash: hash, code: code) }
        slots = larger
    }
}

/// The symbols of one moment.
struct SymbolView: Sendable {
    fileprivate let ends: ColumnView<Int>
    fileprivate let bytes: ColumnView<UInt8>
    fileprivate let slots: SlotStorage
    fileprivate let hash: KeyedHash128

    var count: Int { ends.count }

    /// The text of a code; the view must outlive the use.
    @inline(__always)
    func text(_ code: UInt32) -> UnsafeRawBufferPointer {
        let i = Int(code)
        return UnsafeRawBufferPointer(bytes.slice((i == 0 ? 0 : ends[i - 1])..<ends[i]))
    }

    func string(_ code: UInt32) -> String { String(decoding: text(code), as: UTF8.self) }

    func code(of text: UnsafeRawBufferPointer) -> UInt32? {
        find(text, UInt32(truncatingIfNeeded: hash.hash(text).low))
    }

    func code(of text: String) -> UInt32? {
        var text = text
        return text.withUTF8 { code(of: UnsafeRawBufferPointer($0)) }
    }

    fileprivate func has(_ code: UInt32, _ wanted: UnsafeRawBufferPointer) -> Bool {
        ByteOrder.areEqual(text(code), wanted)
    }

    fileprivate func find(_ text: UnsafeRawBufferPointer, _ hashed: UInt32) -> UInt32? {
        // A code beyond the view came after it: not found, as it was not there.
        slots.find(hash: hashed) { Int($0) < ends.count && has($0, text) }
    }
}

/// Open addressing: 32 bits of hash and a code + 1 in each slot; 0 is empty. Slots are only ever filled, one word at a
/// time, so readers may probe while the writer inserts.
private final class SlotStorage: @unchecked Sendable {
    let bits: Int
    private let slots: UnsafeMutablePointer<Atomic<UInt64>>
    var count: Int { 1 << bits }

    init(bits: Int) {
        self.bits = bits
        slots = .allocate(capacity: 1 << bits)
        for i in 0..<1 << bits { (slots + i).initialize(to: Atomic(0)) }
    }
    deinit {
        slots.deinitialize(count: count)
        slots.deallocate()
    }

    /// There is always an empty slot: the table is at most three quarters full.
    func insert(hash: UInt32, code: UInt32) {
        var at = position(hash)
        while slots[at].load(ordering: .relaxed) != 0 { at = (at + 1) & (count - 1) }
        slots[at].store(UInt64(hash) << 32 | (UInt64(code) + 1), ordering: .releasing)
    }

    func find(hash: UInt32, where isIt: (UInt32) -> Bool) -> UInt32? {
        var at = position(hash)
        while true {
            let slot = slots[at].load(ordering: .acquiring)
            if slot == 0 { return nil }
            if UInt32(truncatingIfNeeded: slot >> 32) == hash {
                let code = UInt32(truncatingIfNeeded: slot) - 1
                if isIt(code) { return code }
            }
            at = (at + 1) & (count - 1)
        }
    }

    func visit(_ body: (_ hash: UInt32, _ code: UInt32) -> Void) {
        for i in 0..<count {
            let slot = slots[i].load(ordering: .relaxed)
            if slot != 0 { body(UInt32(truncatingIfNeeded: slot >> 32), UInt32(truncatingIfNeeded: slot) - 1) }
        }
    }

    private func position(_ hash: UInt32) -> Int { Int(hash) & (count - 1) }
}
