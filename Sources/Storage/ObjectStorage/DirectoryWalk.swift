import Platform

/// One page of a listing: the files below a root in byte order of their keys.
///
/// - A directory `a` counts as `a/` when names are put in order, so that `a-b` comes before `a/x` as it does among keys.
/// - Names that are no parts of keys, symbolic links and other things than files are passed over.
/// - What vanishes meanwhile is passed over.
struct DirectoryWalk {
    let root: String
    let fileSystem: any FileSystem
    let prefix: String
    let start: ObjectKey?
    let limit: Int
    private(set) var found: [ObjectMetadata] = []

    init(root: String, fileSystem: any FileSystem, prefix: String, start: ObjectKey?, limit: Int) {
        self.root = root
        self.fileSystem = fileSystem
        self.prefix = prefix
        self.start = start
        self.limit = limit
    }

    mutating func run() throws(FileSystemError) {
        var above = ""
        if let slash = prefix.utf8.lastIndex(of: UInt8(ascii: "/")) {
            // A prefix that no key can have must not lead out of the root either.
            guard let directory = ObjectKey(String(prefix[..<slash])) else { return }
            above = directory.path + "/"
        }
        try visit(above)
    }

    /// - Parameter directory: key text that is empty or ends with a slash. Keys are at most 1,024 bytes, so this recurses
    ///   at most 512 deep.
    private mutating func visit(_ directory: String) throws(FileSystemError) {
        let names: [String]
        do {
            names = try fileSystem.list("\(root)/\(directory)")
        } catch {
            if error.isAbsence || error.isAboutTheName { return }
            throw error
        }
        var entries: [(key: String, status: FileStatus)] = []
        for name in names {
            let key = directory + name
            guard mayBeOnThePage(key), ObjectKey(key) != nil else { continue }
            guard let status = try fileSystem.status(of: "\(root)/\(key)") else { continue }
            switch status.kind {
            case .file: entries.append((key, status))
            case .directory: entries.append((key + "/", status))
            case .other: continue
            }
        }
        entries.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (key, status) in entries {
            if found.count == limit { return }
            if status.kind == .directory {
                try visit(key)
            } else if isWanted(key), let object = ObjectKey(key) {
                found.append(ObjectMetadata(key: object, size: status.size, modified: status.modified))
            }
        }
    }

    private func isWanted(_ key: String) -> Bool {
        key.utf8.starts(with: prefix.utf8) && (start.map { $0.path.utf8.lexicographicallyPrecedes(key.utf8) } ?? true)
    }

    /// False when neither the file `key` nor anything below the directory `key` can be listed: spares looking at it.
    private func mayBeOnThePage(_ key: String) -> Bool {
        let below = key + "/"
        guard key.utf8.starts(with: prefix.utf8) || prefix.utf8.starts(with: below.utf8) else { return false }
        guard let start else { return true }
        return start.path.utf8.lexicographicallyPrecedes(below.utf8) || start.path.utf8.starts(with: below.utf8)
            || start.path.utf8.lexicographicallyPrecedes(key.utf8)
    }
}
