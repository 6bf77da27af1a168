/// Small files that are replaced whole: after a crash the old content is there, or the new.
public enum AtomicFile {
    /// Temp file beside it, sync, rename, sync of the directory.
    public static func write(_ bytes: Bytes, to path: String, in fileSystem: any FileSystem) throws(FileSystemError) {
        let temporary = path + ".new"
        try fileSystem.remove(temporary)
        let file = try fileSystem.open(temporary, .createNew)
        try file.write(bytes, at: 0)
        try file.sync()
        try fileSystem.rename(temporary, replacing: path)
        if let slash = path.lastIndex(of: "/") {
            try fileSystem.syncDirectory(slash == path.startIndex ? "/" : String(path[..<slash]))
        }
    }

    /// nil when there is no file. Reads at most `limit` bytes.
    public static func read(
        _ path: String, limit: Int, in fileSystem: any FileSystem
    ) throws(FileSystemError) -> Bytes? {
        guard try fileSystem.status(of: path) != nil else { return nil }
        return try fileSystem.open(path, .read).read(at: 0, count: limit)
    }
}
