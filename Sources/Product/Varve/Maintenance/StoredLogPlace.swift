import Platform

/// Where a log lies that a command was pointed at: a data directory, or the directory of a log itself, of this node or
/// brought from another one.
struct StoredLogPlace: Sendable {
    static let region = "main"

    /// The directory with the log segments.
    let log: String
    /// The objects beside it; nil when it was given alone.
    let objects: String?
    /// The data directory; nil likewise.
    let data: DataDirectory?

    /// Looks only. - Throws: `VarveError(.foreign)` when there is no log.
    static func find(_ path: String, in fileSystem: any FileSystem) throws(VarveError) -> StoredLogPlace {
        let directory = DataDirectory(path)
        do throws(FileSystemError) {
            let log = "\(directory.log)/\(region)"
            let isThere = try isDirectory(log, fileSystem)
            if try isThere ? true : isDirectory(log + ".salvaged", fileSystem) {
                let hasObjects = try isDirectory(directory.objects, fileSystem)
                return StoredLogPlace(log: log, objects: hasObjects ? directory.objects : nil, data: directory)
            }
            if try isDirectory(directory.path, fileSystem),
                try holdsLogSegments(directory.path, fileSystem)
            {
                return StoredLogPlace(log: directory.path, objects: nil, data: nil)
            }
        } catch { throw VarveError(error) }
        throw VarveError(
            .foreign, "there is no log in \(path): neither \(directory.log)/\(region), nor log segments (*.log) in it")
    }

    private static func holdsLogSegments(
        _ path: String, _ fileSystem: any FileSystem
    ) throws(FileSystemError) -> Bool {
        let names = try fileSystem.list(path)
        return names.contains { $0.hasSuffix(".log") }
    }

    private static func isDirectory(_ path: String, _ fileSystem: any FileSystem) throws(FileSystemError) -> Bool {
        try fileSystem.status(of: path)?.kind == .directory
    }
}
