// swift-tools-version: 6.2
// The floors of the house, bottom up: Base, Storage, Metrics, Product. Imports go downwards only; nothing below
// `VarveServer` depends on a networked package, so that `import Varve` builds in seconds.
import PackageDescription

// `PLANTED_BUGS`: mistakes that crash tests make on purpose, to see that they are noticed. In debug builds alone.
let strict: [SwiftSetting] = [
    .define("PLANTED_BUGS", .when(configuration: .debug)),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A room on its floor: `room("WAL", on: "Storage", …)` lives in `Sources/Storage/WAL`.
func room(_ name: String, on floor: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)", swiftSettings: strict)
}

/// A C library of Debian's, found by its module map alone.
func debian(_ name: String, _ package: String) -> Target {
    .systemLibrary(name: name, path: "Sources/Base/\(name)", providers: [.apt([package])])
}

func tests(_ target: String, _ dependencies: [Target.Dependency], excluding excluded: [String] = []) -> Target {
    .testTarget(
        name: "\(target)Tests", dependencies: dependencies, path: "Tests/\(target)Tests",
        exclude: excluded, swiftSettings: strict)
}

let base: [Target.Dependency] = ["Platform", "Compression", "Columnar", "Simulation"]
let storage: [Target.Dependency] =
    base + ["Encodings", "Parquet", "ObjectStorage", "WAL", "ManifestLog", "StorageEngine"]
let metrics: [Target.Dependency] =
    storage + ["MetricModel", "MetricEngine", "PromQL", "PromQLScript", "Ingest"]

let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")

let package = Package(
    name: "varve",
    platforms: [.macOS("26.0")],
    products: [
        .library(name: "Varve", targets: ["Varve"]),
        // Databases in S3-compatible buckets; brings in NIO and TLS, which `Varve` does without.
        .library(name: "VarveS3", targets: ["Varve", "S3Storage"]),
        // Tables of one's own: the engine, and what its calls are made of.
        .library(name: "StorageEngine", targets: ["StorageEngine", "WAL", "Columnar", "ObjectStorage", "Platform"]),
        .executable(name: "varve", targets: ["VarveCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.20.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.100.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.8.0"),
    ],
    targets: [
        // Base
        .target(name: "CPlatform", path: "Sources/Base/CPlatform"),
        debian("CSnappy", "libsnappy-dev"),
        debian("CZstd", "libzstd-dev"),
        debian("CLZ4", "liblz4-dev"),
        debian("CZlib", "zlib1g-dev"),
        debian("CYAML", "libyaml-dev"),
        debian("CCrypt", "libcrypt-dev"),
        debian("CCrypto", "libssl-dev"),
        .target(name: "CRE2", path: "Sources/Base/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        room("Platform", on: "Base", ["CPlatform"]),
        room("Compression", on: "Base", ["Platform", "CPlatform", "CSnappy", "CZstd", "CLZ4", "CZlib"]),
        room("Columnar", on: "Base", ["Platform"]),
        // Storage
        room("Encodings", on: "Storage", ["Columnar"]),
        room("Parquet", on: "Storage", ["Encodings", "Compression", "Columnar", "Platform"]),
        room("ObjectStorage", on: "Storage", ["Platform"]),
        room(
            "S3Storage", on: "Storage",
            [
                "ObjectStorage", "Platform", "CCrypto",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        room("WAL", on: "Storage", ["Platform", "Columnar"]),
        room("ManifestLog", on: "Storage", ["ObjectStorage", "Columnar", "Platform"]),
        room(
            "StorageEngine", on: "Storage",
            ["ManifestLog", "WAL", "Parquet", "ObjectStorage", "Columnar", "Platform"]),
        // Metrics
        room("MetricModel", on: "Metrics", ["Columnar", "CRE2", "Platform"]),
        room(
            "MetricEngine", on: "Metrics",
            [
                "StorageEngine", "MetricModel", "Parquet", "Encodings", "Columnar", "Platform", "ObjectStorage",
                "ManifestLog",
            ]),
        room("PromQL", on: "Metrics", ["MetricModel", "Platform"]),
        room("PromQLScript", on: "Metrics", ["PromQL", "MetricModel"]),
        room("Ingest", on: "Metrics", ["MetricModel", "Compression", "Columnar", "Platform"]),
        // Product
        room(
            "Varve", on: "Product",
            [
                "MetricEngine", "PromQL", "Ingest", "MetricModel", "StorageEngine", "ObjectStorage", "WAL",
                "ManifestLog", "Columnar", "Platform", "Parquet",
            ]),
        room(
            "VarveServer", on: "Product",
            [
                "Varve", "PromQL", "MetricModel", "MetricEngine", "Ingest", "StorageEngine", "ObjectStorage", "WAL",
                "Platform", "CZlib", "CYAML", .target(name: "CCrypt", condition: .when(platforms: [.linux])),
                hummingbird,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "VarveCommand",
            dependencies: [
                "VarveServer", "Varve", "PromQL", "PromQLScript", "MetricModel", "StorageEngine", "WAL", "Platform",
                "ObjectStorage", "S3Storage",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], path: "Sources/Product/VarveCommand", swiftSettings: strict),
        // In no product: what tests and people run to hold the engine against DuckDB and against its bounds.
        .executableTarget(
            name: "StorageCheck",
            dependencies: ["StorageEngine", "Columnar", "ObjectStorage", "Parquet", "Platform", "WAL"],
            path: "Tests/StorageCheck", swiftSettings: strict),
        // In no product: the world as tests make it.
        .target(
            name: "Simulation", dependencies: ["Platform", "ObjectStorage"], path: "Sources/Simulation",
            swiftSettings: strict),
        // In no product: our Parquet reader and writer, asked by tests in Python.
        .executableTarget(
            name: "ParquetTool", dependencies: ["Parquet", "Compression", "Columnar", "Platform"],
            path: "Tests/ParquetTool", swiftSettings: strict),
        // Crash tests, as a library: `make crash-test` runs it optimised, `CrashTests` with planted bugs.
        .target(
            name: "CrashHarness", dependencies: metrics, path: "Tests/CrashHarness", swiftSettings: strict),
        .executableTarget(
            name: "CrashRun", dependencies: ["CrashHarness", "Simulation"], path: "Tests/CrashRun",
            swiftSettings: strict),
        // Tests, by floor. Each may use everything below and the simulated world.
        tests("Compression", base + ["CSnappy"]), tests("Columnar", base), tests("Encodings", storage),
        tests("Parquet", storage),
        tests("ObjectStorage", storage + ["S3Storage"]), tests("WAL", storage),
        tests("ManifestLog", storage, excluding: ["Golden"]),
        tests(
            "S3Storage",
            storage + [
                "S3Storage", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        tests("StorageEngine", storage), tests("Simulation", storage), tests("Crash", metrics + ["CrashHarness"]),
        // What the fuzzers of `Fuzz` start from and once found.
        .testTarget(
            name: "FuzzCorpusTests", dependencies: metrics + ["VarveServer", "S3Storage"], path: "Fuzz",
            exclude: ["Corpus", "Driver", "Floors", "Sources", "Package.swift"], sources: ["Bodies", "Tests"],
            swiftSettings: strict),
        tests("MetricModel", metrics),
        tests("MetricEngine", metrics), tests("Ingest", metrics), tests("PromQL", metrics),
        tests("PromQLSyntax", metrics), tests("PromQLScript", metrics), tests("Varve", metrics + ["Varve"]),
        tests(
            "VarveServer",
            [
                "VarveServer", "PromQL", "MetricModel", "MetricEngine", "Compression", "Platform", "CPlatform",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
