import Platform
import Synchronization
import WAL

/// What the region does about a log that cannot be written, and about a disk that fills.
///
/// The log repairs itself; meanwhile writes are refused with 'try again', and reads go on. Two ways out stay open:
///
/// - A flush does not wait for a broken log. What it brings into objects needs the log no more: it may take its cut past
///   what the log made durable, because its rows are durable, and become visible, with the manifest's change. The log
///   forgets what it owed up to there and shrinks.
/// - Room for that flush is kept back (`Ballast`).
extension Region {
    /// Bytes below which a disk counts as full: less would not hold the objects of a flush.
    private static let fullBelow: UInt64 = 1 << 20

    var ballast: Ballast? {
        options.logDirectory.map { Ballast(path: $0 + ".ballast", fileSystem: environment.fileSystem) }
    }

    /// Every second, from the background.
    func tendLog(second: Int) async {
        if let failure = log.statistics.failure {
            if failure.isDiskFull { await freeBallast() }
            requestFlush()
        } else if second % 10 == 0, let ballast {
            // A disk that refuses it now is asked again in ten seconds.
            try? await environment.blocking.run { try ballast.tend() }
        }
    }

    /// - Returns: whether there was any.
    @discardableResult
    func freeBallast() async -> Bool {
        guard let ballast else { return false }
        return (try? await environment.blocking.run { try ballast.free() }) ?? false
    }

    /// As soon as it is open: a disk may be full a moment later, and the next opening needs a little room. A disk that refuses
    /// it is asked again by `tendLog`.
    func keepRoomForOpening() async {
        guard let ballast else { return }
        try? await environment.blocking.run { try ballast.keepLeast() }
    }

    /// Before anything is opened: what opening has to write needs a little room.
    static func freeBallastIfFull(_ options: RegionOptions, _ environment: Environment) async {
        guard let directory = options.logDirectory else { return }
        let ballast = Ballast(path: directory + ".ballast", fileSystem: environment.fileSystem)
        _ = try? await environment.blocking.run { () throws(FileSystemError) in
            guard try ballast.held() > 0,
                try environment.fileSystem.freeBytes(at: options.dataDirectoryOnDisk) < Self.fullBelow
            else { return }
            try ballast.freeAll()
        }
    }

    var isDiskFull: Bool {
        get async {
            guard options.logDirectory != nil else { return false }
            let free = try? await environment.blocking.run { [environment, options] in
                try environment.fileSystem.freeBytes(at: options.dataDirectoryOnDisk)
            }
            return free.map { $0 < Self.fullBelow } ?? false
        }
    }
}

extension RegionOptions {
    /// The directory that the log's directory is in.
    fileprivate var dataDirectoryOnDisk: String {
        guard let logDirectory, let slash = logDirectory.lastIndex(of: "/"), slash != logDirectory.startIndex else {
            return "/"
        }
        return String(logDirectory[..<slash])
    }
}
