public import Columnar
public import ObjectStorage
public import Platform

/// What went wrong with a manifest, by what the caller would do.
public enum ManifestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An object of the manifest is missing or is not what was written. Stop; a person decides.
    case damaged(DamagedFile)
    /// A newer Varve wrote it. Stop; nothing is wrong with the data.
    case unsupportedVersion(object: String, version: UInt32)
    /// Another writer has claimed the region. Stop, keep the log, delete nothing; what was asked for did not happen.
    case fenced(by: ClaimNumber)
    /// Nobody knows whether the change took effect, and the store does not tell. Stop, keep the log, delete nothing
    /// (rule R3: unknown is not lost).
    case unknown(reason: String)
    /// The store failed before anything changed: the same change may be tried again.
    case store(ObjectStoreError)
    /// The change does not fit the manifest: our own mistake. Nothing changed.
    case invalid(String)

    public var description: String {
        switch self {
        case .damaged(let damage): damage.description
        case .unsupportedVersion(let object, let version):
            "\(object) has format version \(version); this Varve reads version \(FramedFile.formatVersion). "
                + "Nothing was changed. Use the newer Varve that wrote it."
        case .fenced(let claim):
            "another writer has taken over this region (claim \(claim)); this one has stopped. Its log is kept: "
                + "`varve wal replay --url WRITER` brings unflushed samples in."
        case .unknown(let reason):
            "it is unknown whether the last change of the manifest took effect (\(reason)). Nothing was deleted and the "
                + "log is kept; restart the writer when the store answers again."
        case .store(let error): error.description
        case .invalid(let reason): "this change does not fit the manifest: \(reason)"
        }
    }

    /// Damage of a manifest object. - Parameter object: its key, with as much of the store's path as is known.
    static func damaged(_ object: ObjectKey, at offset: Int = 0, _ found: String) -> Self {
        .damaged(
            DamagedFile(
                path: object.path, offset: UInt64(max(offset, 0)), found: found,
                remedy: "`varve rebuild` makes the manifest again from the Parquet objects."))
    }
}
