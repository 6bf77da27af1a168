// swift-tools-version: 6.2
// Measurements that no test asserts: `make bench-kernels`.
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

func room(_ name: String, on floor: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Floors/\(floor)/\(name)", swiftSettings: strict)
}

let package = Package(
    name: "varve-benchmarks",
    platforms: [.macOS("26.0")],
    targets: [
        .target(name: "CPlatform", path: "Floors/Base/CPlatform"),
        room("Platform", on: "Base", ["CPlatform"]),
        room("Columnar", on: "Base", ["Platform"]),
        room("Encodings", on: "Storage", ["Columnar"]),
        // Encodings and checksums beside the same in C.
        .target(name: "CKernels", path: "Sources/CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .executableTarget(
            name: "Kernels", dependencies: ["CKernels", "Encodings", "Columnar", "Platform"], path: "Sources/Kernels",
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
