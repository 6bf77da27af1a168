public import Columnar
public import Platform

/// A claim that was made over another node's: that one's log stays behind, with what it had acknowledged and not flushed.
///
/// - The records that it never flushed are numbered in a *gap*: after the `cut` of that moment, before the first number of
///   `claim`. Brought in later they keep their numbers, and so are newer than all that was there when they were written,
///   and older than all that the new claim was given.
/// - No object spans a gap: merges stop at its end, for as long as there is something on both sides.
/// - Kept among the manifest's counters, as `takeover-<claim>-cut` and `takeover-<claim>-of`, each set once.
public struct Takeover: Sendable, Hashable {
    /// The claim that was made.
    public var claim: ClaimNumber
    /// Everything up to it was in objects then.
    public var cut: SequenceNumber
    /// Who had claimed before, and has the log.
    public var claimant: UInt64

    public init(claim: ClaimNumber, cut: SequenceNumber, claimant: UInt64) {
        self.claim = claim
        self.cut = cut
        self.claimant = claimant
    }

    /// The first number that is not of the gap any more.
    public var end: SequenceNumber { .first(of: claim) }

    /// Whether all of these numbers are of the gap.
    public func holds(_ sequences: ClosedRange<SequenceNumber>) -> Bool {
        cut < sequences.lowerBound && sequences.upperBound < end
    }

    fileprivate static let mark = "takeover-"
}

extension Manifest {
    /// Oldest first.
    public var takeovers: [Takeover] {
        var found: [Takeover] = []
        for (name, value) in counters where name.hasPrefix(Takeover.mark) && name.hasSuffix("-of") {
            let number = name.dropFirst(Takeover.mark.count).dropLast("-of".count)
            guard let claim = UInt64(number), let cut = counters["\(Takeover.mark)\(claim)-cut"] else { continue }
            found.append(Takeover(claim: ClaimNumber(claim), cut: SequenceNumber(cut), claimant: value))
        }
        return found.sorted { $0.claim < $1.claim }
    }
}

extension ManifestChange {
    public mutating func note(_ takeover: Takeover) {
        counters["\(Takeover.mark)\(takeover.claim)-cut"] = takeover.cut.rawValue
        counters["\(Takeover.mark)\(takeover.claim)-of"] = takeover.claimant
    }
}
