/// A column that one writer appends to and many read.
///
/// - Elements never change once appended. Growth makes a larger buffer; views keep the old one alive.
/// - A view covers what was there when it was taken; whoever takes it under the writer's lock may read it outside, while
///   the writer goes on appending behind it.
struct AppendColumn<Element: BitwiseCopyable & Sendable>: Sendable {
    private(set) var view: ColumnView<Element>

    init(capacity: Int = 0) {
        view = ColumnView(storage: ColumnStorage(capacity: capacity), count: 0)
    }

    var count: Int { view.count }
    subscript(_ i: Int) -> Element { view[i] }

    mutating func append(_ element: Element) {
        if view.count == view.storage.capacity { grow(to: view.count + 1) }
        (view.storage.base + view.count).initialize(to: element)
        view.count += 1
    }

    mutating func append(contentsOf elements: UnsafeBufferPointer<Element>) {
        guard let source = elements.baseAddress else { return }
        if elements.count > view.storage.capacity - view.count { grow(to: view.count + elements.count) }
        (view.storage.base + view.count).initialize(from: source, count: elements.count)
        view.count += elements.count
    }

    private mutating func grow(to needed: Int) {
        let larger = ColumnStorage<Element>(capacity: max(needed, view.storage.capacity * 2, 8))
        larger.base.initialize(from: view.storage.base, count: view.count)
        view = ColumnView(storage: larger, count: view.count)
    }
}

/// The elements of an `AppendColumn` at one moment.
struct ColumnView<Element: BitwiseCopyable & Sendable>: Sendable {
    fileprivate(set) var storage: ColumnStorage<Element>
    fileprivate(set) var count: Int

    @inline(__always)
    subscript(_ i: Int) -> Element {
        precondition(i >= 0 && i < count)
        return storage.base[i]
    }

    /// The elements of `range`; the view must outlive the use.
    @inline(__always)
    func slice(_ range: Range<Int>) -> UnsafeBufferPointer<Element> {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return UnsafeBufferPointer(start: storage.base + range.lowerBound, count: range.count)
    }
}

/// Memory that never moves. Written by the one writer behind every view's count, hence never where a reader looks.
final class ColumnStorage<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    let base: UnsafeMutablePointer<Element>
    let capacity: Int
    init(capacity: Int) {
        base = .allocate(capacity: max(capacity, 1))
        self.capacity = capacity
    }
    deinit { base.deallocate() }
}
