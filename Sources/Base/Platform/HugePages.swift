import CPlatform

/// Large tables that are read at random: with pages of 2 MiB the processor finds them without a walk for each look, and
/// filling them takes a fault for 2 MiB instead of one for 4 KiB.
public enum HugePages {
    /// From so many bytes on; below, the rest of the last page is too large a share.
    public static let smallest = 4 << 20

    /// Asks for them for memory that was not touched yet. Whether they come changes nothing but the time it takes.
    public static func prefer<Element>(_ memory: UnsafeMutableBufferPointer<Element>) {
        let bytes = UnsafeMutableRawBufferPointer(memory)
        guard bytes.count >= smallest else { return }
        varve_prefer_huge_pages(bytes.baseAddress, bytes.count)
    }
}

extension Array where Element: BitwiseCopyable {
    /// As `init(repeating:count:)`, in such pages when it is long.
    public init(inHugePages value: Element, count: Int) {
        self.init(unsafeUninitializedCapacity: count) { buffer, filled in
            let memory = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
            HugePages.prefer(memory)
            memory.initialize(repeating: value)
            filled = count
        }
    }
}

/// Lines of memory that are looked at a moment later: many misses at once take about as long as one.
public enum Prefetch {
    @inline(__always)
    public static func line(_ address: UnsafeRawPointer) { varve_prefetch(address) }
}
