#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

enum ProcessIdentity {
    /// Number of this process, for whoever finds its lock.
    static var current: Int32 { getpid() }
}
