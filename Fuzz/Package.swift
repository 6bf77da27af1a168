// swift-tools-version: 6.2
// Mutated input for every parser of bytes that come from outside: `make fuzz`.
//
// - One executable per parser: `Sources/FuzzNAME` starts it, `Bodies` says what it must do with any bytes, `Corpus/name`
//   holds its first inputs and what once broke it. `make test` runs the bodies over the corpora too, as plain tests.
// - `Floors` is a link to the sources of the main package: they are compiled here anew, with the fuzzer's counters.
// - libFuzzer is linked without its `main`, because SwiftPM renames ours: `LLVMFuzzerRunDriver` is called instead.
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
let counted: [SwiftSetting] = strict + [.unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing"])]

func room(_ name: String, on floor: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Floors/\(floor)/\(name)", swiftSettings: counted)
}

/// A C library of Debian's, found by its module map alone.
func debian(_ name: String) -> Target { .systemLibrary(name: name, path: "Floors/Base/\(name)") }

/// `FuzzNAME`: `Sources/FuzzNAME` feeds the parser.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency] = ["Bodies"]) -> Target {
    .executableTarget(
        name: "Fuzz\(name)", dependencies: dependencies + ["FuzzDriver"], path: "Sources/Fuzz\(name)",
        swiftSettings: counted,
        linkerSettings: [
            .unsafeFlags(["-sanitize=address"]), .linkedLibrary("clang_rt.fuzzer_no_main-x86_64"),
            .linkedLibrary("stdc++"),
        ])
}

let package = Package(
    name: "varve-fuzz",
    platforms: [.macOS("26.0")],
    targets: [
        .target(name: "CPlatform", path: "Floors/Base/CPlatform"),
        .target(name: "CRE2", path: "Floors/Base/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        debian("CSnappy"), debian("CZstd"), debian("CLZ4"), debian("CZlib"),
        debian("CYAML"), debian("CCrypt"),
        room("Platform", on: "Base", ["CPlatform"]),
        room("Compression", on: "Base", ["Platform", "CPlatform", "CSnappy", "CZstd", "CLZ4", "CZlib"]),
        room("Columnar", on: "Base", ["Platform"]),
        room("Encodings", on: "Storage", ["Columnar"]),
        room("Parquet", on: "Storage", ["Encodings", "Compression", "Columnar", "Platform"]),
        room("ObjectStorage", on: "Storage", ["Platform"]),
        room("WAL", on: "Storage", ["Platform", "Columnar"]),
        room("ManifestLog", on: "Storage", ["ObjectStorage", "Columnar", "Platform"]),
        room(
            "StorageEngine", on: "Storage",
            ["ManifestLog", "WAL", "Parquet", "ObjectStorage", "Columnar", "Platform"]),
        room("MetricModel", on: "Metrics", ["Columnar", "CRE2", "Platform"]),
        room("PromQL", on: "Metrics", ["MetricModel", "Platform"]),
        room("Ingest", on: "Metrics", ["MetricModel", "Compression", "Columnar", "Platform"]),
        room(
            "MetricEngine", on: "Metrics",
            [
                "StorageEngine", "MetricModel", "Parquet", "Encodings", "Columnar", "Platform", "ObjectStorage",
                "ManifestLog",
            ]),
        // Of the buckets' client what reads.
        .target(
            name: "S3Storage", dependencies: ["ObjectStorage", "Platform"], path: "Floors/Storage/S3Storage",
            sources: ["S3XML.swift", "S3Listing.swift", "AnswerVerdict.swift", "CivilTime.swift"],
            swiftSettings: counted),
        // Of the server what reads; no network package is needed for it.
        .target(
            name: "VarveServer",
            dependencies: ["PromQL", "MetricModel", "MetricEngine", "Platform", "CYAML", "CCrypt"],
            path: "Floors/Product/VarveServer",
            sources: [
                "Parameters", "Settings", "JSON/JSONText.swift", "JSON/JSONReader.swift", "API/APIError.swift",
                "API/APIMessage.swift", "API/OriginPolicy.swift", "API/Route.swift", "Access/AccessControl.swift",
                "Access/PasswordHash.swift", "Access/WebConfiguration.swift", "Access/WebConfigurationReader.swift",
                "Server/ServerOptions.swift", "Statistics/ProcessStatistics.swift", "MetricDatabase.swift",
            ], swiftSettings: counted),
        .target(
            name: "Bodies",
            dependencies: [
                "Parquet", "Encodings", "Compression", "WAL", "ManifestLog", "ObjectStorage", "Ingest", "MetricModel",
                "Columnar", "Platform", "PromQL", "VarveServer", "S3Storage",
            ], path: "Bodies", swiftSettings: counted),
        .target(name: "FuzzDriver", path: "Driver", swiftSettings: counted),
        fuzzer("Footer"), fuzzer("Pages"), fuzzer("Parquet"), fuzzer("Encodings"), fuzzer("Compression"),
        fuzzer("RemoteWrite"), fuzzer("Log"), fuzzer("Manifest"), fuzzer("PromQL"), fuzzer("Matchers"),
        fuzzer("Regex"), fuzzer("Parameters"), fuzzer("Configuration"), fuzzer("JSON"),
        fuzzer("Bucket"),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
