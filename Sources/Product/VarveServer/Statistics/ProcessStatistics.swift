#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the kernel says of this process, under the names that every Prometheus client uses.
struct ProcessStatistics: Sendable {
    var cpuSeconds: Double
    /// nil where there is no `/proc`.
    var residentBytes: Int?
    var virtualBytes: Int?
    var openDescriptors: Int?
    var maximumDescriptors: Int?

    /// Reads `/proc`: blocks for microseconds.
    static func read() -> ProcessStatistics {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(RUSAGE_SELF.rawValue, &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        var statistics = ProcessStatistics(cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime))
        #if canImport(Glibc)
            let pages = contents(of: "/proc/self/statm").split(separator: " ").compactMap { Int($0) }
            let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
            if pages.count >= 2 {
                statistics.virtualBytes = pages[0] * pageSize
                statistics.residentBytes = pages[1] * pageSize
            }
            statistics.openDescriptors = entries(in: "/proc/self/fd")
            var limit = rlimit()
            if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
                statistics.maximumDescriptors = Int(clamping: limit.rlim_cur)
            }
        #endif
        return statistics
    }

    /// The first 4 KiB of a file of the kernel's; empty when it is not there.
    static func contents(of path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { buffer in
            #if canImport(Glibc)
                let count = Glibc.read(file, buffer.baseAddress, buffer.count)
            #else
                let count = Darwin.read(file, buffer.baseAddress, buffer.count)
            #endif
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
        }
    }

    #if canImport(Glibc)
        private static func entries(in path: String) -> Int? {
            guard let directory = opendir(path) else { return nil }
            defer { closedir(directory) }
            var count = 0
            while readdir(directory) != nil { count += 1 }
            // `.`, `..` and the descriptor of this very listing.
            return max(0, count - 3)
        }

    #endif

    var statistics: [DatabaseStatistic] {
        var numbers = [
            DatabaseStatistic(
                name: "process_cpu_seconds_total", help: "Total user and system CPU time spent in seconds.",
                kind: .counter, value: cpuSeconds)
        ]
        func add(_ name: String, _ help: String, _ value: Int?) {
            guard let value else { return }
            numbers.append(DatabaseStatistic(name: name, help: help, kind: .gauge, value: Double(value)))
        }
        add("process_resident_memory_bytes", "Resident memory size in bytes.", residentBytes)
        add("process_virtual_memory_bytes", "Virtual memory size in bytes.", virtualBytes)
        add("process_open_fds", "Number of open file descriptors.", openDescriptors)
        add("process_max_fds", "Maximum number of open file descriptors.", maximumDescriptors)
        return numbers
    }
}
