import Platform

/// A column that one writer appends to and many read.
///
/// - Elements never change once appended. Growth makes a larger buffer; views keep the old one alive.
/// - A view covers what was there when it was taken; whoever takes it under the writer's lock may read it outside, while
///   the writer goes on appending behind it.
struct AppendColumn<Element: BitwiseCopyable & Sendable>: Sendable {
    private(set) var view: ColumnView<Element>
    private var capacity = 0

    init(capacity: Int = 0) {
        let storage = ColumnStorage<Element>(capacity: capacity)
        view = ColumnView(storage, count: 0)
        self.capacity = storage.capacity
    }

    var count: Int { view.count }
    subscript(_ i: Int) -> Element { view[i] }

    mutating func append(_ element: Element) {
        if view.count == capacity { grow(to: view.count + 1) }
        (view.base + view.count).initialize(to: element)
        view.count += 1
    }

    mutating func append(contentsOf elements: UnsafeBufferPointer<Element>) {
        guard let source = elements.baseAddress else { return }
        if elements.count > capacity - view.count { grow(to: view.count + elements.count) }
        (view.base + view.count).initialize(from: source, count: elements.count)
        view.count += elements.count
    }

    private mutating func grow(to needed: Int) {
        let larger = ColumnStorage<Element>(capacity: max(needed, capacity * 2, 8))
        larger.base.initialize(from: view.base, count: view.count)
        view = ColumnView(larger, count: view.count)
        capacity = larger.capacity
    }
}

/// The elements of an `AppendColumn` at one moment.
///
/// - `base` points into `storage`, which lives at least as long as the view.
struct ColumnView<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    /// Held beside the storage, so that reading an element touches no reference count.
    fileprivate let base: UnsafeMutablePointer<Element>
    fileprivate let storage: ColumnStorage<Element>
    fileprivate(set) var count: Int

    fileprivate init(_ storage: ColumnStorage<Element>, count: Int) {
        base = storage.base
        self.storage = storage
        self.count = count
    }

    @inline(__always)
    subscript(_ i: Int) -> Element {
        precondition(i >= 0 && i < count)
        return base[i]
    }

    /// The elements of `range`; the view must outlive the use.
    @inline(__always)
    func slice(_ range: Range<Int>) -> UnsafeBufferPointer<Element> {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
    }
}

/// Memory that never moves. Written by the one writer behind every view's count, hence never where a reader looks.
final class ColumnStorage<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    let base: UnsafeMutablePointer<Element>
    let capacity: Int
    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        base = .allocate(capacity: self.capacity)
        HugePages.prefer(UnsafeMutableBufferPointer(start: base, count: self.capacity))
    }
    deinit { base.deallocate() }
}
