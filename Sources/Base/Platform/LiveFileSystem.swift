import CPlatform

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The POSIX file system. Interrupted calls are repeated; short writes are continued.
public struct LiveFileSystem: FileSystem {
    public init() {}

    public func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any FileHandle {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .update: O_RDWR
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            }
        return LiveFileHandle(path: path, descriptor: try descriptor(path, flags))
    }

    private func descriptor(_ path: String, _ flags: Int32) throws(FileSystemError) -> Int32 {
        while true {
            let result = varve_open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o644)
            if result >= 0 { return result }
            if result != -EINTR { throw FileSystemError("open", path, errno: -result) }
        }
    }

    public func status(of path: String) throws(FileSystemError) -> FileStatus? {
        var result = stat()
        guard lstat(path, &result) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw FileSystemError("stat", path, errno: errno)
        }
        let kind: FileStatus.Kind =
            switch result.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            default: .other
            }
        #if canImport(Glibc)
            let modified = Int64(result.st_mtim.tv_sec) * 1_000 + Int64(result.st_mtim.tv_nsec) / 1_000_000
        #else
            let modified = Int64(result.st_mtimespec.tv_sec) * 1_000
        #endif
        return FileStatus(kind: kind, size: UInt64(max(result.st_size, 0)), modified: modified)
    }

    public func list(_ path: String) throws(FileSystemError) -> [String] {
        guard let directory = opendir(path) else { throw FileSystemError("list", path, errno: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw FileSystemError("list", path, errno: errno) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func createDirectory(_ path: String) throws(FileSystemError) {
        if mkdir(path, 0o755) == 0 {
            try syncDirectory(parent(of: path))
            return
        }
        let code = errno
        switch code {
        case EEXIST:
            guard try status(of: path)?.kind == .directory else {
                throw FileSystemError("make directory", path, errno: code)
            }
        case ENOENT:
            let above = parent(of: path)
            guard above != path else { throw FileSystemError("make directory", path, errno: code) }
            try createDirectory(above)
            guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
                throw FileSystemError("make directory", path, errno: errno)
            }
            try syncDirectory(above)
        default: throw FileSystemError("make directory", path, errno: code)
        }
    }

    private func parent(of path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1 && trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    public func rename(_ source: String, replacing target: String) throws(FileSystemError) {
        #if canImport(Glibc)
            let result = Glibc.rename(source, target)
        #else
            let result = Darwin.rename(source, target)
        #endif
        guard result == 0 else { throw FileSystemError("rename \(source) to", target, errno: errno) }
    }

    public func rename(_ source: String, ifAbsent target: String) throws(FileSystemError) {
        let code = varve_rename_noreplace(source, target)
        guard code == 0 else { throw FileSystemError("rename \(source) to", target, errno: code) }
    }

    public func remove(_ path: String) throws(FileSystemError) {
        if unlink(path) == 0 { return }
        if errno == EISDIR || errno == EPERM {
            if rmdir(path) == 0 { return }
        }
        guard errno == ENOENT else { throw FileSystemError("remove", path, errno: errno) }
    }

    public func syncDirectory(_ path: String) throws(FileSystemError) {
        let directory = try descriptor(path, O_RDONLY | O_DIRECTORY)
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw FileSystemError("sync directory", path, errno: errno) }
    }

    public func lock(_ path: String, note: String) throws(FileSystemError) -> any FileLock {
        let handle = LiveFileHandle(path: path, descriptor: try descriptor(path, O_RDWR | O_CREAT))
        let code = varve_lock_exclusive(handle.descriptor)
        if code == EACCES || code == EAGAIN {
            let holder = String(decoding: (try? handle.read(at: 0, count: 256)) ?? [], as: UTF8.self)
            let line = holder.split(separator: "\n").first.map(String.init) ?? ""
            throw FileSystemError(kind: .locked(holder: line), operation: "lock", path: path, code: code)
        }
        guard code == 0 else { throw FileSystemError("lock", path, errno: code) }
        try handle.truncate(to: 0)
        try handle.write(Array("\(note)\n".utf8), at: 0)
        return handle
    }

    public func freeBytes(at path: String) throws(FileSystemError) -> UInt64 {
        var result = statvfs()
        guard statvfs(path, &result) == 0 else { throw FileSystemError("ask for free space of", path, errno: errno) }
        return UInt64(result.f_bavail) * UInt64(result.f_frsize)
    }
}

/// A descriptor that closes with its owner.
final class LiveFileHandle: FileHandle, FileLock {
    let path: String
    let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func read(at offset: UInt64, count: Int) throws(FileSystemError) -> [UInt8] {
        guard let start = off_t(exactly: offset), count >= 0 else {
            throw FileSystemError("read", path, errno: EINVAL)
        }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            guard let base = buffer.baseAddress else { return }
            while filled < count {
                let got = pread(descriptor, base + filled, count - filled, start + off_t(filled))
                if got > 0 {
                    filled += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw FileSystemError("read", path, errno: failure) }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(FileSystemError) {
        guard let start = off_t(exactly: offset) else { throw FileSystemError("write", path, errno: EFBIG) }
        let failure: Int32 = bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            var done = 0
            while done < buffer.count {
                let wrote = pwrite(descriptor, base + done, buffer.count - done, start + off_t(done))
                if wrote > 0 {
                    done += wrote
                } else if wrote == 0 {
                    return EIO
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
        guard failure == 0 else { throw FileSystemError("write", path, errno: failure) }
    }

    func size() throws(FileSystemError) -> UInt64 {
        var result = stat()
        guard fstat(descriptor, &result) == 0 else { throw FileSystemError("stat", path, errno: errno) }
        return UInt64(max(result.st_size, 0))
    }

    func truncate(to size: UInt64) throws(FileSystemError) {
        guard let length = off_t(exactly: size) else { throw FileSystemError("truncate", path, errno: EFBIG) }
        while ftruncate(descriptor, length) != 0 {
            if errno != EINTR { throw FileSystemError("truncate", path, errno: errno) }
        }
    }

    func sync() throws(FileSystemError) {
        #if canImport(Glibc)
            let result = fdatasync(descriptor)
        #else
            let result = fcntl(descriptor, F_FULLFSYNC)
        #endif
        guard result == 0 else { throw FileSystemError("sync", path, errno: errno) }
    }
}
