public import Platform

/// How `--memory-limit` is shared out: what grows with what others send or ask gets a part of its own.
///
/// | part | share | at most |
/// |---|---|---|
/// | rows not flushed yet | a quarter | 1 GiB |
/// | queries, all together | a quarter; each may have twice its even share | 1 GiB each |
/// | answers that are being sent | an eighth | 256 MiB |
/// | request bodies | a sixteenth | 256 MiB |
/// | merges | an eighth | 512 MiB |
/// | caches of what was read | an eighth | 320 MiB |
///
/// The rest is for the label index and the program. Above the whole no new query begins: caches that filled it would end
/// queries for good.
public struct MemoryPlan: Sendable, Equatable {
    /// Of the machine or its control group, in hundredths.
    static let defaultShare = 60
    public static let smallest = ByteCount.mebibytes(64)

    public let limit: ByteCount

    /// - Parameters:
    ///   - wanted: `--memory-limit`; nil: 60 % of `machine`.
    ///   - machine: bytes of the machine, or of its control group when that has less; nil: not known, as 2 GiB.
    public init(wanted: ByteCount?, machine: Int?) {
        let machine = max(0, machine ?? 2 << 30)
        limit = max(wanted ?? ByteCount(machine / 100 * Self.defaultShare), Self.smallest)
    }

    public var rows: ByteCount { min(ByteCount(limit.bytes / 4), .mebibytes(1_024)) }
    public var bodies: ByteCount { min(ByteCount(limit.bytes / 16), .mebibytes(256)) }
    public var answers: ByteCount { min(ByteCount(limit.bytes / 8), .mebibytes(256)) }
    public var merges: ByteCount { min(ByteCount(limit.bytes / 8), .mebibytes(512)) }
    public var caches: ByteCount { min(ByteCount(limit.bytes / 8), .mebibytes(320)) }

    /// Of one query, when so many may run at once: twice an even share of the quarter, as few need all they may have.
    public func query(concurrency: Int) -> ByteCount {
        min(max(ByteCount(limit.bytes / 2 / max(2, concurrency)), .mebibytes(16)), .mebibytes(1_024))
    }

    /// Mem parts are flushed well before they fill their share.
    public func flushSize(wanted: ByteCount?) -> ByteCount {
        wanted ?? min(.mebibytes(48), ByteCount(rows.bytes / 4))
    }
}

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension MemoryPlan {
    /// Bytes of memory that this process may use: the machine's, or its control group's when that has less. Reads files.
    public static func machine() -> Int? {
        let pages = Int(sysconf(Int32(_SC_PHYS_PAGES)))
        let size = Int(sysconf(Int32(_SC_PAGESIZE)))
        let whole = pages > 0 && size > 0 ? pages.multipliedReportingOverflow(by: size).partialValue : nil
        // Version 2 of control groups, then version 1.
        let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        let limits = groups.compactMap { Int(ProcessStatistics.contents(of: $0).filter { $0 != "\n" }) }
        return (limits + [whole].compactMap { $0 }).filter { $0 > 0 }.min()
    }
}
