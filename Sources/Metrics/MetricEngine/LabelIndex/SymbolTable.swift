import Platform
import Synchronization

/// Byte strings and their codes, dense from 0 in order of first appearance: a dictionary of metric names, label names, or
/// the values of one label.
///
/// - One writer; views may be read while it goes on: see `AppendColumn`.
struct SymbolTable: Sendable {
    private var ends = AppendColumn<Int>()
    private var bytes = AppendColumn<UInt8>()
    private var slots: SymbolSlots
    private let hash: KeyedHash128
    /// The code that was asked for last.
    private var last: UInt32 = 0

    init(hash: KeyedHash128) {
        self.hash = hash
        slots = SymbolSlots(bits: 3)
    }

    var count: Int { ends.count }
    var view: SymbolView { SymbolView(ends: ends.view, bytes: bytes.view, slots: slots, hash: hash) }
    /// Bytes held.
    var memory: Int { ends.count * 8 + bytes.count + slots.count * 8 }

    func code(of text: UnsafeRawBufferPointer) -> UInt32? {
        find(text, UInt32(truncatingIfNeeded: hash.hash(text).low))
    }

    @inline(__always)
    func has(_ code: UInt32, _ text: UnsafeRawBufferPointer) -> Bool {
        SymbolText.has(code, text, ends.view, bytes.view)
    }

    /// The code of `text`, new if need be.
    mutating func intern(_ text: UnsafeRawBufferPointer) -> UInt32 {
        // Neighbours often carry the same value: compared before it is hashed.
        if last < UInt32(ends.count), SymbolText.has(last, text, ends.view, bytes.view) { return last }
        let hashed = UInt32(truncatingIfNeeded: hash.hash(text).low)
        if let known = find(text, hashed) {
            last = known
            return known
        }
        let code = UInt32(ends.count)
        bytes.append(contentsOf: text.bindMemory(to: UInt8.self))
        ends.append(bytes.count)
        if (ends.count + 1) * 4 > slots.count * 3 { slots = slots.doubled() }
        slots.insert(hash: hashed, code: code)
        last = code
        return code
    }

    private func find(_ text: UnsafeRawBufferPointer, _ hashed: UInt32) -> UInt32? {
        slots.find(hash: hashed) { SymbolText.has($0, text, ends.view, bytes.view) }
    }
}

/// The symbols of one moment.
struct SymbolView: Sendable {
    fileprivate let ends: ColumnView<Int>
    fileprivate let bytes: ColumnView<UInt8>
    fileprivate let slots: SymbolSlots
    fileprivate let hash: KeyedHash128

    var count: Int { ends.count }

    /// The text of a code; the view must outlive the use.
    @inline(__always)
    func text(_ code: UInt32) -> UnsafeRawBufferPointer { SymbolText.text(code, ends, bytes) }

    @inline(__always)
    func has(_ code: UInt32, _ wanted: UnsafeRawBufferPointer) -> Bool {
        Int(code) < ends.count && SymbolText.has(code, wanted, ends, bytes)
    }

    func string(_ code: UInt32) -> String { String(decoding: text(code), as: UTF8.self) }

    func code(of text: UnsafeRawBufferPointer) -> UInt32? {
        // A code beyond the view came after it: not found, as it was not there.
        slots.find(hash: UInt32(truncatingIfNeeded: hash.hash(text).low)) { code in
            Int(code) < ends.count && SymbolText.has(code, text, ends, bytes)
        }
    }

    func code(of text: String) -> UInt32? {
        var text = text
        return text.withUTF8 { code(of: UnsafeRawBufferPointer($0)) }
    }
}

private enum SymbolText {
    @inline(__always)
    static func text(_ code: UInt32, _ ends: ColumnView<Int>, _ bytes: ColumnView<UInt8>) -> UnsafeRawBufferPointer {
        let i = Int(code)
        return UnsafeRawBufferPointer(bytes.slice((i == 0 ? 0 : ends[i - 1])..<ends[i]))
    }

    @inline(__always)
    static func has(
        _ code: UInt32, _ wanted: UnsafeRawBufferPointer, _ ends: ColumnView<Int>, _ bytes: ColumnView<UInt8>
    ) -> Bool {
        ByteOrder.areEqual(text(code, ends, bytes), wanted)
    }
}

/// Open addressing: 32 bits of hash and a code + 1 in each slot; 0 is empty. Slots are only ever filled, one word at a
/// time, so readers may probe while the writer inserts.
private struct SymbolSlots: @unchecked Sendable {
    private final class Storage {
        let base: UnsafeMutablePointer<Atomic<UInt64>>
        let count: Int
        init(count: Int) {
            self.count = count
            base = .allocate(capacity: count)
            for i in 0..<count { (base + i).initialize(to: Atomic(0)) }
        }
        deinit {
            base.deinitialize(count: count)
            base.deallocate()
        }
    }

    private let storage: Storage
    private let base: UnsafeMutablePointer<Atomic<UInt64>>
    private let bits: Int
    var count: Int { 1 << bits }

    init(bits: Int) {
        self.bits = bits
        storage = Storage(count: 1 << bits)
        base = storage.base
    }

    func doubled() -> SymbolSlots {
        let larger = SymbolSlots(bits: bits + 1)
        for i in 0..<count {
            let slot = base[i].load(ordering: .relaxed)
            if slot != 0 { larger.place(slot) }
        }
        return larger
    }

    func insert(hash: UInt32, code: UInt32) { place(UInt64(hash) << 32 | (UInt64(code) + 1)) }

    /// There is always an empty slot: the table is at most three quarters full.
    private func place(_ slot: UInt64) {
        var at = Int(slot >> 32) & (count - 1)
        while base[at].load(ordering: .relaxed) != 0 { at = (at + 1) & (count - 1) }
        base[at].store(slot, ordering: .releasing)
    }

    @inline(__always)
    func find(hash: UInt32, where isIt: (UInt32) -> Bool) -> UInt32? {
        var at = Int(hash) & (count - 1)
        while true {
            let slot = base[at].load(ordering: .acquiring)
            if slot == 0 { return nil }
            if UInt32(truncatingIfNeeded: slot >> 32) == hash {
                let code = UInt32(truncatingIfNeeded: slot) - 1
                if isIt(code) { return code }
            }
            at = (at + 1) & (count - 1)
        }
    }
}
