public import Platform
import Synchronization

/// Ranges of objects that never change, in memory and on disk, both bounded.
///
/// - What comes from disk is checked: key, place and CRC-32C; anything else is forgotten and fetched anew.
/// - A cache can only be slow or empty, never wrong and never a failure: errors of its files are counted, no more.
/// - Files survive a restart: their names say what they hold. Nothing is synced: a torn file fails its check.
/// - The oldest goes first, but one that was used since it was last looked at is passed over once.
public final class RangeCache: Sendable {
    public struct Statistics: Sendable, Equatable {
        public var memoryBytes = 0
        public var diskBytes = 0
        public var memoryHits: UInt64 = 0
        public var diskHits: UInt64 = 0
        public var misses: UInt64 = 0
        /// Files that did not hold what they should.
        public var damaged: UInt64 = 0
        /// Files that could not be written or read.
        public var failures: UInt64 = 0
    }

    private struct State {
        var memory = RangeShelf<Bytes>()
        var disk = RangeShelf<Void>()
        var statistics = Statistics()
    }
    private let directory: String?
    private let memoryLimit: Int
    private let diskLimit: Int
    private let environment: Environment
    private let state = Mutex(State())

    /// - Parameter directory: of the files, for this cache alone; nil: memory only.
    public init(
        directory: String?, memoryLimit: ByteCount, diskLimit: ByteCount, environment: Environment
    ) {
        self.directory = diskLimit.bytes > 0 ? directory : nil
        self.memoryLimit = memoryLimit.bytes
        self.diskLimit = diskLimit.bytes
        self.environment = environment
    }

    /// Finds what an earlier process left. Before anything else, and alone.
    public func prepare() async {
        guard let directory else { return }
        let files = environment.fileSystem
        let found = try? await environment.blocking.run { () throws -> [(place: RangePlace, path: String)] in
            try files.createDirectory(directory)
            var found: [(place: RangePlace, path: String)] = []
            for shelf in try files.list(directory) {
                let folder = "\(directory)/\(shelf)"
                guard try files.status(of: folder)?.kind == .directory else { continue }
                for name in try files.list(folder) {
                    let path = "\(folder)/\(name)"
                    if let place = RangePlace(fileName: name) {
                        found.append((place, path))
                    } else {
                        // Half written, or of another version: ours to remove, as the directory is.
                        try files.remove(path)
                    }
                }
            }
            return found
        }
        guard let found else { return count(\.failures) }
        let gone = state.withLock { state -> [RangePlace] in
            for (place, _) in found { state.disk.insert((), at: place) }
            return state.disk.evict(to: diskLimit)
        }
        await remove(gone)
    }

    /// The bytes of `range`, when one stored range holds them all.
    public func find(_ key: ObjectKey, _ range: Range<UInt64>) async -> Bytes? {
        let object = Self.hash(key)
        let inMemory = state.withLock { state -> Bytes? in
            guard let (place, bytes) = state.memory.find(object, range) else { return nil }
            state.statistics.memoryHits += 1
            let start = Int(range.lowerBound - place.offset)
            return Bytes(bytes[start..<start + range.count])
        }
        if let inMemory { return inMemory }
        guard let place = state.withLock({ $0.disk.find(object, range)?.place }) else {
            count(\.misses)
            return nil
        }
        guard let bytes = await load(place, key) else {
            state.withLock { state in
                state.disk.remove(place)
                state.statistics.misses += 1
            }
            await remove([place])
            return nil
        }
        count(\.diskHits)
        keepInMemory(bytes, place)
        let start = Int(range.lowerBound - place.offset)
        return Bytes(bytes[start..<start + range.count])
    }

    /// Keeps what was read of an object at `offset`.
    public func keep(_ bytes: Bytes, of key: ObjectKey, at offset: UInt64) async {
        guard !bytes.isEmpty else { return }
        let place = RangePlace(object: Self.hash(key), offset: offset, count: bytes.count)
        keepInMemory(bytes, place)
        guard let directory, bytes.count <= diskLimit / 4 else { return }
        let files = environment.fileSystem
        let path = place.path(in: directory)
        let file = RangeFile(key: key, offset: offset, bytes: bytes).encoded()
        let temporary = "\(path).\(hexadecimal(environment.random.next()))"
        do {
            try await environment.blocking.run {
                let folder = path.split(separator: "/").dropLast().joined(separator: "/")
                try files.createDirectory(path.hasPrefix("/") ? "/" + folder : folder)
                do {
                    let handle = try files.open(temporary, .createNew)
                    try handle.write(file, at: 0)
                    try files.rename(temporary, replacing: path)
                } catch {
                    try? files.remove(temporary)
                    throw error
                }
            }
        } catch { return count(\.failures) }
        let gone = state.withLock { state -> [RangePlace] in
            state.disk.insert((), at: place)
            return state.disk.evict(to: diskLimit)
        }
        await remove(gone)
    }

    /// The object is gone.
    public func forget(_ key: ObjectKey) async {
        let object = Self.hash(key)
        let gone = state.withLock { state in
            _ = state.memory.removeAll(of: object)
            return state.disk.removeAll(of: object)
        }
        await remove(gone)
    }

    public var statistics: Statistics {
        state.withLock { state in
            state.statistics.memoryBytes = state.memory.total
            state.statistics.diskBytes = state.disk.total
            return state.statistics
        }
    }

    private func keepInMemory(_ bytes: Bytes, _ place: RangePlace) {
        guard bytes.count <= memoryLimit / 4 else { return }
        state.withLock { state in
            state.memory.insert(bytes, at: place)
            _ = state.memory.evict(to: memoryLimit)
        }
    }

    private func load(_ place: RangePlace, _ key: ObjectKey) async -> Bytes? {
        guard let directory else { return nil }
        let files = environment.fileSystem
        let path = place.path(in: directory)
        do {
            let file = try await environment.blocking.run {
                try files.open(path, .read).read(at: 0, count: RangeFile.headerSize + 1_024 + place.count)
            }
            if let found = RangeFile(file), found.key == key, found.offset == place.offset,
                found.bytes.count == place.count
            {
                return found.bytes
            }
            count(\.damaged)
        } catch { count(\.failures) }
        return nil
    }

    private func remove(_ places: [RangePlace]) async {
        guard let directory, !places.isEmpty else { return }
        let files = environment.fileSystem
        let paths = places.map { $0.path(in: directory) }
        try? await environment.blocking.run { for path in paths { try? files.remove(path) } }
    }

    private func count(_ path: WritableKeyPath<Statistics, UInt64>) {
        state.withLock { $0.statistics[keyPath: path] += 1 }
    }

    private static func hash(_ key: ObjectKey) -> Hash128 {
        Bytes(text: key.path).withUnsafeBytes { hash128.hash($0) }
    }
    private static let hash128 = KeyedHash128(random: SeededRandomSource(seed: 1))
}

/// Where a stored range belongs: `<hash of the key>-<offset>-<count>` is its file's name.
struct RangePlace: Hashable {
    var object: Hash128
    var offset: UInt64
    var count: Int

    var end: UInt64 { offset + UInt64(count) }

    init(object: Hash128, offset: UInt64, count: Int) {
        self.object = object
        self.offset = offset
        self.count = count
    }

    init?(fileName: String) {
        let parts = fileName.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].utf8.count == 32, let high = UInt64(parts[0].prefix(16), radix: 16),
            let low = UInt64(parts[0].suffix(16), radix: 16), let offset = UInt64(parts[1]), let count = Int(parts[2]),
            count > 0, count <= 1 << 40, offset <= 1 << 60
        else { return nil }
        self.init(object: Hash128(low: low, high: high), offset: offset, count: count)
        guard self.fileName == fileName else { return nil }
    }

    var fileName: String { "\(hexadecimal(object.high))\(hexadecimal(object.low))-\(offset)-\(count)" }
    /// 256 folders, so that none grows long.
    func path(in directory: String) -> String { "\(directory)/\(fileName.prefix(2))/\(fileName)" }
}

/// Ranges with what is kept of each, in the order in which they go.
struct RangeShelf<Content> {
    private struct Entry {
        var place: RangePlace
        var content: Content
        var wasUsed = false
    }
    /// By object; a handful each.
    private var entries: [Hash128: [Entry]] = [:]
    private(set) var total = 0
    /// In order of arrival, from `head` on; what was removed stays until its turn.
    private var queue: [RangePlace] = []
    private var head = 0

    init() {}

    /// One that holds the whole range.
    mutating func find(_ object: Hash128, _ range: Range<UInt64>) -> (place: RangePlace, content: Content)? {
        guard let held = entries[object],
            let index = held.firstIndex(where: {
                $0.place.offset <= range.lowerBound && range.upperBound <= $0.place.end
            })
        else { return nil }
        entries[object]?[index].wasUsed = true
        return (held[index].place, held[index].content)
    }

    mutating func insert(_ content: Content, at place: RangePlace) {
        var held = entries[place.object] ?? []
        guard !held.contains(where: { $0.place.offset <= place.offset && place.end <= $0.place.end }) else { return }
        held.append(Entry(place: place, content: content))
        entries[place.object] = held
        queue.append(place)
        total += place.count
    }

    mutating func remove(_ place: RangePlace) {
        guard let index = entries[place.object]?.firstIndex(where: { $0.place == place }) else { return }
        entries[place.object]?.remove(at: index)
        if entries[place.object]?.isEmpty ?? false { entries[place.object] = nil }
        total -= place.count
    }

    mutating func removeAll(of object: Hash128) -> [RangePlace] {
        let gone = entries.removeValue(forKey: object)?.map(\.place) ?? []
        for place in gone { total -= place.count }
        return gone
    }

    /// What had to go.
    mutating func evict(to limit: Int) -> [RangePlace] {
        var gone: [RangePlace] = []
        while total > limit, head < queue.count {
            let place = queue[head]
            head += 1
            guard let index = entries[place.object]?.firstIndex(where: { $0.place == place }) else { continue }
            if entries[place.object]?[index].wasUsed ?? false {
                entries[place.object]?[index].wasUsed = false
                queue.append(place)
            } else {
                remove(place)
                gone.append(place)
            }
        }
        if head > 64, head > queue.count / 2 {
            queue.removeFirst(head)
            head = 0
        }
        return gone
    }
}

/// A file of the cache. Little-endian, version 1.
///
///     offset size field
///          0    8 magic     "VARVERC1"
///          8    4 crc       CRC-32C of everything after it
///         12    4 keySize   bytes of the key
///         16    8 offset    of the range in the object
///         24    8 count     bytes of the range
///         32      key, bytes
struct RangeFile: Equatable {
    static let magic = Bytes("VARVERC1".utf8)
    static let headerSize = 32

    var key: ObjectKey
    var offset: UInt64
    var bytes: Bytes

    init(key: ObjectKey, offset: UInt64, bytes: Bytes) {
        self.key = key
        self.offset = offset
        self.bytes = bytes
    }

    func encoded() -> Bytes {
        var body = ByteWriter()
        let name = Bytes(text: key.path)
        body.append(UInt32(name.count))
        body.append(offset)
        body.append(UInt64(bytes.count))
        body.append(bytes: name)
        body.append(bytes: bytes)
        var file = ByteWriter()
        file.append(bytes: Self.magic)
        file.append(CRC32C.checksum(body.bytes))
        file.append(bytes: body.bytes)
        return file.bytes
    }

    /// nil unless every byte is what was written.
    init?(_ file: Bytes) {
        guard file.count >= Self.headerSize, file.starts(with: Self.magic) else { return nil }
        var reader = ByteReader(file, in: 8..<file.count)
        guard let crc = try? reader.integer(UInt32.self, "crc"), CRC32C.checksum(Bytes(file[12...])) == crc,
            let keySize = try? reader.integer(UInt32.self, "key size"),
            let offset = try? reader.integer(UInt64.self, "offset"),
            let count = try? reader.integer(UInt64.self, "count"),
            UInt64(reader.remaining) == UInt64(keySize) + (count > UInt64(Int.max) / 2 ? .max / 2 : count),
            let name = try? reader.take(Int(keySize), "key"), let key = ObjectKey(String(decoding: name, as: UTF8.self))
        else { return nil }
        self.init(key: key, offset: offset, bytes: Bytes(file[reader.offset...]))
    }
}
