// swift-tools-version: 6.2
// Measurements that no test asserts: `make bench-kernels`, `make bench-log`.
//
// - One executable per subject: its folder below `Sources`.
// - `Floors` is a link to the sources of the main package, compiled here anew: the same flags, and access to what is in no
//   product.
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A C library of Debian's, found by its module map alone.
func debian(_ name: String) -> Target { .systemLibrary(name: name, path: "Floors/Base/\(name)") }

func room(_ name: String, on floor: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Floors/\(floor)/\(name)", swiftSettings: strict)
}

let package = Package(
    name: "varve-benchmarks",
    platforms: [.macOS("26.0")],
    targets: [
        .target(name: "CPlatform", path: "Floors/Base/CPlatform"),
        .target(name: "CRE2", path: "Floors/Base/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        debian("CSnappy"), debian("CZstd"), debian("CLZ4"), debian("CZlib"),
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
        room(
            "MetricEngine", on: "Metrics",
            [
                "StorageEngine", "MetricModel", "Parquet", "Encodings", "Columnar", "Platform", "ObjectStorage",
                "ManifestLog",
            ]),
        room("PromQL", on: "Metrics", ["MetricModel"]),
        room("Ingest", on: "Metrics", ["MetricModel", "Compression", "Columnar", "Platform"]),
        room(
            "Varve", on: "Product",
            [
                "MetricEngine", "PromQL", "Ingest", "MetricModel", "StorageEngine", "ObjectStorage", "WAL",
                "ManifestLog", "Columnar", "Platform", "Parquet",
            ]),
        // Encodings and checksums beside the same in C.
        .target(name: "CKernels", path: "Sources/CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .executableTarget(
            name: "Kernels", dependencies: ["CKernels", "Encodings", "Columnar", "Platform"], path: "Sources/Kernels",
            swiftSettings: strict),
        // The log beside the bare system calls.
        .executableTarget(
            name: "Log", dependencies: ["Varve", "WAL", "Compression", "Columnar", "Platform"], path: "Sources/Log",
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
