import Columnar
import ObjectStorage
import Platform

/// `head`: the one register of a region, only ever replaced by compare-and-swap. What it does not name does not exist.
///
/// - `deltas` are in order of version, all after the previous snapshot (or after the beginning when there is none): the
///   current snapshot plus the deltas after it, and the previous one plus all deltas, make the same manifest.
/// - `version` is the last commit's: a delta's, or a snapshot's when the last commit was a fold.
struct Head: Hashable {
    var version: ManifestVersion
    var claim: ClaimNumber
    /// Drawn at random by the claimant: tells whose claim it is when the answer to a claim was lost.
    var claimant: UInt64
    var current: ObjectReference?
    var previous: ObjectReference?
    var deltas: [ObjectReference] = []
    /// Earlier claims and the last version of each: what became of a swap whose answer was lost. The newest
    /// `keptClaims` are kept; a writer older than those finds itself unknown.
    var earlierClaims: [EarlierClaim] = []

    static let keptClaims = 256

    init(version: ManifestVersion, claim: ClaimNumber, claimant: UInt64) {
        self.version = version
        self.claim = claim
        self.claimant = claimant
    }

    /// Deltas that the current snapshot does not hold.
    var unfolded: ArraySlice<ObjectReference> {
        guard let current else { return deltas[...] }
        return deltas.drop { $0.version <= current.version }
    }

    /// Everything that it names.
    var names: Set<ObjectKey> {
        var names = Set(deltas.map { ManifestPaths.delta($0.version, $0.claim) })
        for snapshot in [current, previous] {
            if let snapshot { names.insert(ManifestPaths.snapshot(snapshot.version, snapshot.claim)) }
        }
        return names
    }

    // MARK: Successors. Each is computed from the head that the swap will name.

    /// The head of the next claim: everything else stays; nil when claim numbers are spent.
    func claimed(by claimant: UInt64) -> Head? {
        guard let next = claim.next, next.rawValue <= Head.lastClaim else { return nil }
        var head = self
        head.claim = next
        head.claimant = claimant
        head.earlierClaims.append(EarlierClaim(claim: claim, lastVersion: version))
        if head.earlierClaims.count > Head.keptClaims {
            head.earlierClaims.removeFirst(head.earlierClaims.count - Head.keptClaims)
        }
        return head
    }
    /// 23 bits: what a sequence number has room for.
    static let lastClaim: UInt64 = (1 << 23) - 1

    func adding(_ delta: ObjectReference) -> Head {
        var head = self
        head.version = delta.version
        head.deltas.append(delta)
        return head
    }

    /// The current snapshot becomes the previous one; what only the one before needed is dropped.
    func folded(into snapshot: ObjectReference) -> Head {
        var head = self
        head.version = snapshot.version
        head.previous = current
        head.current = snapshot
        if let current { head.deltas.removeAll { $0.version <= current.version } }
        return head
    }
}

/// An immutable object as the head names it.
struct ObjectReference: Hashable {
    var version: ManifestVersion
    var claim: ClaimNumber
    var size: UInt64
    /// CRC-32C of the whole object.
    var checksum: UInt32
    /// When it was written, by the store's clock, in milliseconds: the time of removal of what a delta removes. 0 where
    /// nobody asks.
    var written: Int64

    init(version: ManifestVersion, claim: ClaimNumber, bytes: Bytes, written: Int64) {
        self.version = version
        self.claim = claim
        size = UInt64(bytes.count)
        checksum = CRC32C.checksum(bytes)
        self.written = written
    }
}

struct EarlierClaim: Hashable {
    var claim: ClaimNumber
    var lastVersion: ManifestVersion
}
