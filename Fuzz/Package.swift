// swift-tools-version: 6.2
// Mutated input for every parser of bytes that come from outside: `make fuzz`.
//
// - One executable per parser: its folder below `Sources`, its first inputs below `Corpus`, where `make test` runs them
//   too, as plain tests.
// - `Floors` is a link to the sources of the main package: they are compiled here anew, with the fuzzer's counters.
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
let counted: [SwiftSetting] = strict + [.unsafeFlags(["-sanitize=fuzzer"])]

func room(_ name: String, on floor: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Floors/\(floor)/\(name)", swiftSettings: counted)
}

/// `FuzzNAME` feeds one parser; `Sources/FuzzNAME` says how.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: "Fuzz\(name)", dependencies: dependencies + ["FuzzDriver"], path: "Sources/Fuzz\(name)",
        swiftSettings: counted + [.unsafeFlags(["-parse-as-library"])],
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
}

let package = Package(
    name: "varve-fuzz",
    platforms: [.macOS("26.0")],
    targets: [
        .target(name: "CPlatform", path: "Floors/Base/CPlatform"),
        .target(name: "CRE2", path: "Floors/Base/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        room("Platform", on: "Base", ["CPlatform"]),
        room("Columnar", on: "Base", ["Platform"]),
        room("MetricModel", on: "Metrics", ["Columnar", "CRE2", "Platform"]),
        room("PromQL", on: "Metrics", ["MetricModel"]),
        .target(name: "FuzzDriver", swiftSettings: counted),
        fuzzer("PromQL", ["PromQL"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
