import ObjectStorage
import Platform
import S3Storage
import VarveServer

/// From settings, AWS's variables and files to a store that can be asked.
enum BucketOpening {
    /// nil: the settings name none. Connects to nothing yet.
    /// - Throws: `CommandFailure(.usage, …)`, saying what is missing.
    static func store(_ settings: ObjectStoreSettings, _ environment: Environment) throws -> S3Store? {
        guard let text = settings.location else { return nil }
        guard let location = S3Location(text) else {
            throw CommandFailure(
                .usage, "--object-store is \"\(text.prefix(256))\"; use s3://BUCKET or s3://BUCKET/PREFIX")
        }
        do throws(ObjectStoreProblem) {
            let profiles = try S3Profiles(variables: ProcessVariables.all, in: environment.fileSystem)
            var configuration = S3Configuration(
                location: location, region: settings.region ?? profiles.region ?? "us-east-1",
                credentials: try profiles.credentials())
            configuration.endpoint = settings.endpoint ?? profiles.endpoint
            configuration.addressing = S3Addressing(rawValue: settings.addressing) ?? .auto
            configuration.authorities = settings.authorities ?? profiles.authorities
            return try S3Store(configuration, environment: environment)
        } catch { throw CommandFailure(.usage, error.text) }
    }

    /// The store behind a cache of its ranges, in memory and in the data directory.
    static func cached(
        _ store: S3Store, _ settings: ObjectStoreSettings, directory: String, _ environment: Environment
    ) async -> CachedStore {
        let cache = RangeCache(
            directory: directory + "/cache", memoryLimit: settings.cacheMemory, diskLimit: settings.cacheSize,
            environment: environment)
        await cache.prepare()
        return CachedStore(store, cache: cache) { $0.path.hasSuffix(".parquet") }
    }
}
