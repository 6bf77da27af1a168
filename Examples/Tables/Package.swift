// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "tables-example",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "varve", path: "../..")],
    targets: [
        .executableTarget(name: "Tables", dependencies: [.product(name: "StorageEngine", package: "varve")])
    ],
    swiftLanguageModes: [.v6]
)
