import ManifestLog
public import ObjectStorage
public import Platform
import Synchronization

extension Region {
    /// Opens a region in a directory of its own: `lock`, `wal/`, `objects/`, `quarantine/`. Made if it is not there.
    ///
    /// - Throws: `.foreign` when another process has it, or when it holds something else.
    public static func open(
        directory path: String, tables: [TableDefinition], options: RegionOptions = RegionOptions(),
        environment: Environment = .live
    ) async throws(StorageError) -> Region {
        var options = options
        let lock = try await lock(path, environment)
        options.logDirectory = "\(path)/wal/\(options.name)"
        options.quarantineDirectory = "\(path)/quarantine"
        options.dataDirectory = path
        let store = DirectoryStore(root: "\(path)/objects", environment: environment)
        do throws(ObjectStoreError) { try await store.prepare() } catch { throw StorageError(error) }
        let region = try await open(
            options, tables: tables, contributor: nil, store: store, environment: environment)
        region.directoryLock.withLock { $0 = lock }
        return region
    }

    private static func lock(_ path: String, _ environment: Environment) async throws(StorageError) -> any FileLock {
        do {
            return try await environment.blocking.run {
                let files = environment.fileSystem
                let ours: Set<String> = ["lock", "wal", "objects", "quarantine", "lost+found"]
                if try files.status(of: path) != nil,
                    let other = try files.list(path).first(where: { !ours.contains($0) })
                {
                    throw StorageError(
                        .foreign,
                        "\(path) holds \(other.prefix(256)), which is not ours; name an empty or a new directory")
                }
                for directory in [path, "\(path)/wal", "\(path)/objects"] { try files.createDirectory(directory) }
                return try files.lock("\(path)/lock", note: "a storage engine")
            }
        } catch let error as FileSystemError {
            if case .locked(let holder) = error.kind {
                throw StorageError(
                    .foreign, "\(path) is in use by \(holder.isEmpty ? "another process" : holder): it has one writer")
            }
            throw StorageError(error)
        } catch { throw StorageError(wrapping: error) }
    }

    /// Where the live objects lie in the store, in order of table, segment and age.
    public var objectKeys: [ObjectKey] {
        snapshot.objects.sorted {
            ($0.table, $0.segment.lowerBound, $0.minSequence, $0.id)
                < ($1.table, $1.segment.lowerBound, $1.minSequence, $1.id)
        }.compactMap { metadata in
            tables[metadata.table].map {
                ObjectPaths.sst(metadata.id, table: $0.name, region: options.name, segment: metadata.segment)
            }
        }
    }
}
