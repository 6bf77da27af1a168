import ArgumentParser
import ObjectStorage
import Platform
import S3Storage
import VarveServer

/// Where objects lie when not in the data directory, for every command.
struct StoreOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Bucket of the objects, instead of the data directory; credentials come from AWS_* variables or files.",
            valueName: "s3://bucket/prefix"))
    var objectStore: String?
    @Option(help: ArgumentHelp("Address of the bucket's server. (default: Amazon's)", valueName: "url"))
    var s3Endpoint: String?
    @Option(help: ArgumentHelp("Region of the bucket. (default: AWS_REGION, else us-east-1)", valueName: "region"))
    var s3Region: String?
    @Option(
        help: ArgumentHelp(
            "Where the bucket's name goes: into the path or the host. (default: auto)", valueName: "auto|path|virtual"))
    var s3Addressing: String?
    @Option(
        name: .customLong("s3-ca-file"),
        help: ArgumentHelp(
            "PEM file of authorities for https. (default: AWS_CA_BUNDLE, else the system's)", valueName: "file"))
    var s3CAFile: String?

    /// What was given, by the names of the settings.
    var given: [String: String] {
        let all: [String: String?] = [
            "object-store": objectStore, "s3-endpoint": s3Endpoint, "s3-region": s3Region,
            "s3-addressing": s3Addressing, "s3-ca-file": s3CAFile,
        ]
        return all.compactMapValues { $0 }
    }

    /// Flags, else variables. - Throws: all complaints at once.
    func settings() throws -> ObjectStoreSettings {
        var settings = ObjectStoreSettings()
        var problems: [String] = []
        for name in ObjectStoreSettings.placeNames {
            let variable = ServeSettings.variable(name)
            guard let text = given[name] ?? ProcessVariables.all[variable] else { continue }
            if let expected = settings.apply(name, text) {
                problems.append(
                    "\(given[name] == nil ? variable : "--\(name)") is \"\(text.prefix(256))\"; \(expected)")
            }
        }
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
        return settings
    }
}

/// The directory, and perhaps the bucket, that a command works on.
struct LocationOption: ParsableArguments {
    @OptionGroup var location: DataOption
    @OptionGroup var bucket: StoreOption

    var directory: String { location.directory }
    /// nil: objects lie in the directory. Connects to nothing yet.
    func store(_ environment: Environment) throws -> (any ObjectStore)? {
        try BucketOpening.store(try bucket.settings(), environment)
    }
}

/// The flags of `serve` about its bucket and cache.
struct ServeStoreOptions: ParsableArguments {
    @OptionGroup var place: StoreOption
    @Option(
        help: ArgumentHelp(
            "Ranges of objects kept in cache/ of the data directory; 0: none. (default: 10GiB)", valueName: "size"))
    var cacheSize: String?
    @Option(help: ArgumentHelp("…and in memory. (default: 64MiB)", valueName: "size"))
    var cacheMemory: String?
    @Flag(inversion: .prefixedNo, help: "Follow the bucket and answer questions; write nothing. (default: write)")
    var readOnly: Bool?
    @Option(
        help: ArgumentHelp(
            "How far a read-only server may lag behind the bucket. (default: 5s)", valueName: "duration"))
    var staleness: String?
    @Flag(
        inversion: .prefixedNo,
        help: "Claim the bucket back from another node; this node's log is set aside and kept. (default: refuse)")
    var takeOver: Bool?

    /// What was given, by the names of the settings.
    var given: [String: String] {
        let all: [String: String?] = [
            "cache-size": cacheSize, "cache-memory": cacheMemory, "read-only": readOnly.map { "\($0)" },
            "staleness": staleness, "take-over": takeOver.map { "\($0)" },
        ]
        return all.compactMapValues { $0 }.merging(place.given) { first, _ in first }
    }
}
