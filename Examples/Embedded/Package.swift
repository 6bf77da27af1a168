// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "embedded-example",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "varve", path: "../..")],
    targets: [
        .executableTarget(name: "Embedded", dependencies: [.product(name: "Varve", package: "varve")])
    ],
    swiftLanguageModes: [.v6]
)
