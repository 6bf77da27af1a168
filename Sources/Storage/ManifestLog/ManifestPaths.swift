import Columnar
import ObjectStorage
import Platform

/// Names of a manifest's objects, in a store that begins at `regions/<region>/manifest/`.
///
/// Numbers are padded with zeros so that byte order is number order. A delta or snapshot carries the claim of its
/// writer: no two writers ever make the same name.
enum ManifestPaths {
    static let head = ObjectKey(trusted: "head")
    static let deltas = "delta/"
    static let snapshots = "snapshot/"

    static func delta(_ version: ManifestVersion, _ claim: ClaimNumber) -> ObjectKey {
        ObjectKey(trusted: deltas + name(version, claim))
    }
    static func snapshot(_ version: ManifestVersion, _ claim: ClaimNumber) -> ObjectKey {
        ObjectKey(trusted: snapshots + name(version, claim))
    }

    private static func name(_ version: ManifestVersion, _ claim: ClaimNumber) -> String {
        "\(padded(version.rawValue, to: 20))-\(padded(claim.rawValue, to: 7))"
    }

    private static func padded(_ value: UInt64, to width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
    }

    /// Version and claim of a delta or snapshot; nil for names that this writer would not have made.
    static func parse(_ key: ObjectKey) -> (version: ManifestVersion, claim: ClaimNumber)? {
        let isDelta = key.path.hasPrefix(deltas)
        guard isDelta || key.path.hasPrefix(snapshots) else { return nil }
        let numbers = key.path.dropFirst(isDelta ? deltas.count : snapshots.count).split(separator: "-")
        guard numbers.count == 2, let version = UInt64(numbers[0]), let claim = UInt64(numbers[1]) else { return nil }
        let (found, by) = (ManifestVersion(version), ClaimNumber(claim))
        return key == (isDelta ? delta(found, by) : snapshot(found, by)) ? (found, by) : nil
    }
}
