import CPlatform

#if canImport(Glibc)
    import Glibc
#endif

/// What the allocator does with memory that was freed.
///
/// - Mem parts, pages and sort orders come and go by the megabyte. glibc would keep them: half of the resident memory of a
///   server under load was free. Given back at once they cost page faults, which no benchmark could tell from noise.
/// - Of small blocks glibc gives back only what lies at the end of an arena; one that lives there keeps all that is free
///   below it.
public enum FreedMemory {
    /// For the whole process, so it is the program's to say, not the library's.
    public static func returnLargeBlocks() { varve_return_large_blocks() }

    /// Every free page of every arena goes back to the system. Walks all arenas, each under its lock, for milliseconds: not
    /// for an event loop.
    public static func returnAll() {
        #if canImport(Glibc)
            _ = trimHeap(0)
        #endif
    }
}

#if canImport(Glibc)
    /// glibc's; its header is in no module.
    @_silgen_name("malloc_trim")
    private func trimHeap(_ pad: Int) -> Int32
#endif
