import CPlatform

/// What the allocator does with memory that was freed.
///
/// - Mem parts, pages and sort orders come and go by the megabyte. glibc would keep them: half of the resident memory of a
///   server under load was free. Given back at once they cost page faults, which no benchmark could tell from noise.
public enum FreedMemory {
    /// For the whole process, so it is the program's to say, not the library's.
    public static func returnLargeBlocks() { varve_return_large_blocks() }
}
