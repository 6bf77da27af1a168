// swift-tools-version: 6.2
// Encodings and checksums beside the same in C: `make bench-kernels`. A package of its own, because `Floors` is a link to the
// sources of the main package: they are compiled here anew, with the same flags, and what is in no product is at hand.
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
    name: "varve-kernels",
    platforms: [.macOS("26.0")],
    targets: [
        .target(name: "CPlatform", path: "Floors/Base/CPlatform"),
        room("Platform", on: "Base", ["CPlatform"]),
        room("Columnar", on: "Base", ["Platform"]),
        room("Encodings", on: "Storage", ["Columnar"]),
        .target(name: "CKernels", path: "Sources/CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .executableTarget(
            name: "Kernels", dependencies: ["CKernels", "Encodings", "Columnar", "Platform"], path: "Sources/Kernels",
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
