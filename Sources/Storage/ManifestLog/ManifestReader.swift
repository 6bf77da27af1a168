public import Columnar
public import ObjectStorage

/// The manifest for those who only read: takes no claim and changes nothing.
public enum ManifestReader {
    /// The manifest as of now; nil when the store has none.
    ///
    /// - Parameter store: begins at `regions/<region>/manifest/`.
    public static func load(store: any ObjectStore) async throws(ManifestError) -> Manifest? {
        try await LoadedManifest.load(store)?.manifest
    }

    /// The manifest as of now and its head's tag, unless that tag is the one given: then nil, for the price of one
    /// request.
    /// - Throws: `.damaged` when there is none.
    public static func load(
        store: any ObjectStore, unless tag: ObjectTag?
    ) async throws(ManifestError) -> (manifest: Manifest, tag: ObjectTag)? {
        if let tag {
            do throws(ObjectStoreError) {
                guard try await store.get(ManifestPaths.head, unless: tag) != nil else { return nil }
            } catch { throw .store(error) }
        }
        guard let loaded = try await LoadedManifest.load(store) else {
            throw .damaged(store.wholeName(of: ManifestPaths.head), "it is not there any more")
        }
        return (loaded.manifest, loaded.tag)
    }
}

/// Who holds a region, and how far it has come.
public struct HeadSummary: Sendable, Equatable {
    public let claim: ClaimNumber
    /// The number that the claimant gave when it claimed.
    public let claimant: UInt64
    public let version: ManifestVersion

    public init(claim: ClaimNumber, claimant: UInt64, version: ManifestVersion) {
        self.claim = claim
        self.claimant = claimant
        self.version = version
    }
}
