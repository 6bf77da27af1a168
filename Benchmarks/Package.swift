// swift-tools-version: 6.2
// Measurements of single rooms, apart from the package so that nobody builds them who does not ask. One executable; each
// room is a subcommand in a file of its own: `swift run -c release varve-bench wal`.
import PackageDescription

let package = Package(
    name: "varve-benchmarks",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "varve", path: "..")],
    targets: [
        .executableTarget(
            name: "varve-bench", dependencies: [.product(name: "Varve", package: "varve")], path: "Sources/Benchmarks")
    ],
    swiftLanguageModes: [.v6]
)
