import Platform
import Synchronization

/// Where the objects of a `DirectoryStore` lie, and which of its directories are known to survive a crash.
final class DirectoryLayout: Sendable {
    /// Without a slash at its end.
    let root: String
    /// `~` is in no key.
    let temporary: String
    private let fileSystem: any FileSystem
    /// Directories whose names, up to the root's, were synced by this process. One that an earlier process made just
    /// before it was killed is there, yet may be lost with the power.
    private let durable = Mutex<Set<String>>([])

    init(root: String, fileSystem: any FileSystem) {
        var trimmed = root[...]
        while trimmed.utf8.count > 1 && trimmed.utf8.last == UInt8(ascii: "/") { trimmed = trimmed.dropLast() }
        self.root = String(trimmed)
        self.fileSystem = fileSystem
        temporary = "\(trimmed)/~temporary"
    }

    func path(of key: ObjectKey) -> String { "\(root)/\(key.path)" }

    func directory(of key: ObjectKey) -> String {
        guard let slash = key.path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return root }
        return "\(root)/\(key.path[..<slash])"
    }

    /// Makes the directory unless it is known; then syncs the directories that hold its name and those above it, up to
    /// the one that holds the root.
    func makeDurable(_ directory: String) throws {
        if durable.withLock({ $0.contains(directory) }) { return }
        try fileSystem.createDirectory(directory)
        var current = directory[...]
        while current.utf8.count >= root.utf8.count, !durable.withLock({ $0.contains(String(current)) }) {
            guard let slash = current.utf8.lastIndex(of: UInt8(ascii: "/")) else {
                try fileSystem.syncDirectory(".")
                break
            }
            let parent = current[..<slash]
            try fileSystem.syncDirectory(parent.isEmpty ? "/" : String(parent))
            current = parent
        }
        current = directory[...]
        durable.withLock { known in
            while current.utf8.count >= root.utf8.count, known.insert(String(current)).inserted {
                guard let slash = current.utf8.lastIndex(of: UInt8(ascii: "/")) else { break }
                current = current[..<slash]
            }
        }
    }

    /// Syncs every directory of objects, and those above the root's name.
    func syncAll() throws {
        guard try fileSystem.status(of: root)?.kind == .directory else { return }
        try makeDurable(root)
        var rest = [""]
        while let directory = rest.popLast() {
            try fileSystem.syncDirectory("\(root)/\(directory)")
            for name in try fileSystem.list("\(root)/\(directory)") {
                // What is no key is in no listing.
                guard ObjectKey(directory + name) != nil,
                    try fileSystem.status(of: "\(root)/\(directory)\(name)")?.kind == .directory
                else { continue }
                rest.append("\(directory)\(name)/")
            }
        }
    }

    /// The directory is gone, and with it whatever was below.
    func forget(_ directory: String) {
        durable.withLock { known in known = known.filter { !$0.hasPrefix(directory) && !directory.hasPrefix($0) } }
    }
}
