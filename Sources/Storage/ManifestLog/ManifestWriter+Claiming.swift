import Columnar
public import ObjectStorage
public import Platform

extension ManifestWriter {
    /// Over whom a claim may be made.
    public enum Holder: Sendable {
        case anybody
        /// This one alone, or nobody where there is no manifest (nil): whoever decided to claim looked at that head.
        case claimant(UInt64?)
    }

    /// Who holds the region now; nil when it has no manifest. Takes no claim.
    public static func readHead(store: any ObjectStore) async throws(ManifestError) -> HeadSummary? {
        guard let (head, _) = try await LoadedManifest.head(of: store) else { return nil }
        return HeadSummary(claim: head.claim, claimant: head.claimant, version: head.version)
    }

    /// Takes the right to write the region: swaps the head with claim number + 1 (rule R2), or makes the first head. From
    /// then on every swap by an older claim fails.
    ///
    /// - Parameters:
    ///   - store: begins at `regions/<region>/manifest/`; its conditional puts were probed (`ConditionalPutProbe`).
    ///   - claimantID: drawn at random for this claim: tells it from another's when the answer is lost.
    ///   - holder: over whom; another one's claim meanwhile ends it.
    /// - Throws: `.fenced` when another won the race for the number, or holds the region and not `holder`.
    public static func claim(
        store: any ObjectStore, claimantID: UInt64, options: ManifestOptions = ManifestOptions(),
        environment: Environment, over holder: Holder = .anybody
    ) async throws(ManifestError) -> ManifestWriter {
        // Each round more means that the holder has committed meanwhile.
        for _ in 0..<LoadedManifest.maximumReloads {
            let base = try await LoadedManifest.load(store)
            if case .claimant(let expected) = holder, base?.head.claimant != expected {
                throw .fenced(by: base?.head.claim ?? ClaimNumber(0))
            }
            var claimed: LoadedManifest
            if let base {
                guard let head = base.head.claimed(by: claimantID) else {
                    throw .invalid("claim numbers are spent: \(base.head.claim)")
                }
                claimed = base
                claimed.head = head
            } else {
                let head = Head(version: .zero, claim: ClaimNumber(1), claimant: claimantID)
                claimed = LoadedManifest(head: head, tag: ObjectTag(""), manifest: Manifest())
            }
            claimed.manifest.claim = claimed.head.claim
            guard let tag = try await swapForClaim(store, claimed.head, from: base, options, environment) else {
                continue
            }
            claimed.tag = tag
            let writer = ManifestWriter(claimed, store: store, options: options, environment: environment)
            writer.tidyAfterClaim()
            return writer
        }
        throw .store(
            ObjectStoreError(
                .unavailable, "claim", store.wholeName(of: ManifestPaths.head).path,
                "its holder changes it faster than it can be claimed"))
    }

    /// - Returns: the tag of the new head; nil when the old holder has committed meanwhile.
    private static func swapForClaim(
        _ store: any ObjectStore, _ wanted: Head, from base: LoadedManifest?, _ options: ManifestOptions,
        _ environment: Environment
    ) async throws(ManifestError) -> ObjectTag? {
        let bytes = wanted.encoded()
        var condition = base.map { PutCondition.ifMatches($0.tag) } ?? .ifAbsent
        var lastError: ObjectStoreError?
        for attempt in 0..<options.attempts {
            await environment.pause(options.pause, before: attempt)
            do {
                return try await store.put(bytes, at: ManifestPaths.head, condition)
            } catch {
                lastError = error
            }
            let shown = await ShownHead.read(from: store, options, environment)
            switch verdict(on: shown, claiming: wanted, from: base?.head) {
            case .claimed:
                guard case .head(let head, let tag) = shown, head == wanted else {
                    throw .unknown(reason: shown.reason(lastError))
                }
                return tag
            case .retrySameBytes:
                if case .head(_, let tag) = shown { condition = .ifMatches(tag) }
            case .reload: return nil
            case .lost(let claim): throw .fenced(by: claim)
            case .unknown: throw .unknown(reason: shown.reason(lastError))
            }
        }
        // Should a lost attempt arrive yet, it claims for nobody: the next opener claims the number after it.
        throw .store(lastError ?? ObjectStoreError(.unavailable, "claim", ManifestPaths.head.path))
    }
}
