public import Platform

/// Room kept back for the ways out of a full disk (rule R9): a file of zeros beside the log, which goes when the disk is
/// full, so that a flush can bring rows into objects and the log can shrink; made again when there is room.
///
/// - A quarter of a mebibyte is always kept, and given up by an opening only: enough to claim. 64 MiB are, once the disk
///   begins to fill: before that they would be of no use, and on a small disk they would take what they are meant to keep.
/// - All calls block; one at a time.
public struct Ballast: Sendable {
    public static let least: UInt64 = 256 << 10
    public static let most: UInt64 = 64 << 20

    let path: String
    let fileSystem: any FileSystem

    /// - Parameter path: a file of its own; its directory must be there.
    public init(path: String, fileSystem: any FileSystem) {
        self.path = path
        self.fileSystem = fileSystem
    }

    /// How large it should be.
    /// - Parameter free: bytes on the disk if there were none.
    public static func size(free: UInt64, held: UInt64) -> UInt64 {
        switch free {
        case ..<(4 << 20): min(held, least)
        // Once made it stays until it is needed: what is left beside it may be nothing.
        case ..<(256 << 20): held > least ? most : least
        case ..<(4 << 30): most
        case ..<(8 << 30): held > least ? most : least
        default: least
        }
    }

    /// Bytes it has now.
    public func held() throws(FileSystemError) -> UInt64 { try fileSystem.status(of: path)?.size ?? 0 }

    /// Before anything is written: what an opening needs, where there is none.
    public func keepLeast() throws(FileSystemError) {
        guard try held() == 0 else { return }
        try grow(
            from: 0, to: min(Self.size(free: try fileSystem.freeBytes(at: path.parentDirectory), held: 0), Self.least))
    }

    /// Brings it to the size that it should have.
    public func tend() throws(FileSystemError) {
        let held = try held()
        let (total, overflow) = try fileSystem.freeBytes(at: path.parentDirectory).addingReportingOverflow(held)
        try grow(from: held, to: Self.size(free: overflow ? .max : total, held: held))
    }

    private func grow(from held: UInt64, to wanted: UInt64) throws(FileSystemError) {
        if wanted < held { try fileSystem.open(path, .update).truncate(to: wanted) }
        guard wanted > held else { return }
        let file = try fileSystem.open(path, held == 0 ? .createNew : .update)
        do throws(FileSystemError) {
            let zeros = Bytes(repeating: 0, count: 1 << 20)
            var offset = held
            while offset < wanted {
                let count = min(wanted - offset, UInt64(zeros.count))
                try file.write(count == zeros.count ? zeros : Bytes(zeros[..<Int(count)]), at: offset)
                offset += count
            }
            try file.sync()
        } catch {
            try? file.truncate(to: held)  // half of it would be in the way of others now
            throw error
        }
    }

    /// Gives a running database's share to whoever needs room now. - Returns: whether there was any.
    @discardableResult
    public func free() throws(FileSystemError) -> Bool {
        guard try held() > Self.least else { return false }
        let file = try fileSystem.open(path, .update)
        try file.truncate(to: Self.least)
        try file.sync()
        return true
    }

    /// Gives up all of it, for an opening.
    public func freeAll() throws(FileSystemError) {
        guard try held() > 0 else { return }
        try fileSystem.remove(path)
        try fileSystem.syncDirectory(path.parentDirectory)
    }
}

extension String {
    fileprivate var parentDirectory: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}
