public import Platform

public enum WriteOrder {}
public enum PartListOrder {}
public enum ManifestOrder {}
public enum ClaimOrder {}

/// Order of writes: for one key the higher wins. Claim number (23 bits) · counter (40 bits).
public typealias SequenceNumber = Ordinal<WriteOrder>
/// Version of a region's part list in memory; starts anew at open.
public typealias Epoch = Ordinal<PartListOrder>
/// Number of a durable change of the part list.
public typealias ManifestVersion = Ordinal<ManifestOrder>
/// The right to write a region: numbers only grow, one writer each.
public typealias ClaimNumber = Ordinal<ClaimOrder>

extension Ordinal where Kind == WriteOrder {
    public static var counterBits: UInt64 { 40 }
    /// The first sequence number of a claim.
    public static func first(of claim: ClaimNumber) -> Self { Self(claim.rawValue << counterBits) }
    public var claim: ClaimNumber { ClaimNumber(rawValue >> Self.counterBits) }
}
