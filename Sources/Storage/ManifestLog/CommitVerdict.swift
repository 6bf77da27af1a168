import Columnar
import ObjectStorage
import Platform

/// What the head shows after a swap that was refused or never answered.
enum ReadBack: Equatable {
    case mine(ManifestVersion)
    /// nil when the head no longer remembers my claim.
    case newerClaim(ClaimNumber, lastOfMine: ManifestVersion?)
    /// A head that cannot follow mine: an older claim, or my number in another's hand, as after restoring a backup.
    case foreign
    case unreadable

    init(_ shown: ShownHead, claim: ClaimNumber, claimant: UInt64) {
        guard case .head(let head, _) = shown else {
            self = .unreadable
            return
        }
        #if PLANTED_BUGS
            if PlantedBug.current == .ignoresClaim {
                self = .mine(head.version)
                return
            }
        #endif
        if head.claim == claim && head.claimant == claimant {
            self = .mine(head.version)
        } else if head.claim > claim {
            let mine = head.earlierClaims.last { $0.claim == claim }
            self = .newerClaim(head.claim, lastOfMine: mine?.lastVersion)
        } else {
            self = .foreign
        }
    }
}

/// What became of a commit.
enum CommitVerdict: Equatable {
    case committed
    case retrySameBytes
    /// It took effect, and then another claimed the region: the last one of this writer.
    case committedThenFenced(by: ClaimNumber)
    case fenced(by: ClaimNumber)
    case unknown
}

/// Rule R3: unknown is not lost; then nothing is cleaned up and nothing truncated.
func verdict(on readBack: ReadBack, for version: ManifestVersion) -> CommitVerdict {
    switch readBack {
    case .mine(let current): current >= version ? .committed : .retrySameBytes
    case .newerClaim(let claim, let lastOfMine?):
        lastOfMine >= version ? .committedThenFenced(by: claim) : .fenced(by: claim)
    case .newerClaim(_, nil): .unknown
    case .foreign: .unknown
    case .unreadable: .unknown
    }
}

/// What became of a claim: the head at the time of asking is either still the one it was computed from, or tells by the
/// claimant's random number.
enum ClaimVerdict: Equatable {
    case claimed
    case retrySameBytes
    /// The holder committed in between: read everything again, then claim again.
    case reload
    /// Another claimed meanwhile.
    case lost(to: ClaimNumber)
    case unknown
}

/// The head at one moment.
enum ShownHead: Equatable {
    case head(Head, ObjectTag)
    case absent
    case unreadable(String)
}

/// - Parameter base: the head that the claim was computed from; nil when there was none.
func verdict(on shown: ShownHead, claiming wanted: Head, from base: Head?) -> ClaimVerdict {
    switch shown {
    case .unreadable: return .unknown
    case .absent: return base == nil ? .retrySameBytes : .unknown
    case .head(let head, _):
        if head.claim == wanted.claim && head.claimant == wanted.claimant { return .claimed }
        if head == base { return .retrySameBytes }
        if let base, head.claim == base.claim && head.claimant == base.claimant { return .reload }
        return .lost(to: head.claim)
    }
}
