import Columnar
import ObjectStorage
import Platform

extension Head {
    func encoded() -> Bytes {
        var file = FramedFile.Builder(.head)
        file.add(.position) {
            Position(version: version, claim: claim).append(to: &$0)
            $0.append(claimant)
        }
        if let current { file.add(.currentSnapshot) { current.append(to: &$0) } }
        if let previous { file.add(.previousSnapshot) { previous.append(to: &$0) } }
        for delta in deltas { file.add(.delta) { delta.append(to: &$0) } }
        for earlier in earlierClaims {
            file.add(.earlierClaim) {
                $0.append(earlier.claim.rawValue)
                $0.append(earlier.lastVersion.rawValue)
            }
        }
        return file.framed()
    }

    init(_ bytes: Bytes, at key: ObjectKey = ManifestPaths.head) throws(ManifestError) {
        let records = try FramedFile.records(of: bytes, as: .head, at: key)
        self = try FramedFile.reading(key) { () throws(MalformedBytes) in try Self(records) }
        if let problem = problems().first { throw .damaged(key, problem) }
    }

    private init(_ records: [FramedRecord]) throws(MalformedBytes) {
        let (position, claimant) = try Position.first(of: records).read { reader throws(MalformedBytes) in
            (try Position(&reader), try reader.integer(UInt64.self, "the claimant"))
        }
        self.init(version: position.version, claim: position.claim, claimant: claimant)
        for record in records.dropFirst() {
            switch record.tag {
            case .currentSnapshot:
                guard current == nil else { throw repeated(record, "a current snapshot") }
                current = try record.read { reader throws(MalformedBytes) in try ObjectReference(&reader) }
            case .previousSnapshot:
                guard previous == nil else { throw repeated(record, "a previous snapshot") }
                previous = try record.read { reader throws(MalformedBytes) in try ObjectReference(&reader) }
            case .delta:
                deltas.append(try record.read { reader throws(MalformedBytes) in try ObjectReference(&reader) })
            case .earlierClaim:
                earlierClaims.append(
                    try record.read { reader throws(MalformedBytes) in
                        EarlierClaim(
                            claim: ClaimNumber(try reader.integer(UInt64.self, "an earlier claim")),
                            lastVersion: ManifestVersion(try reader.integer(UInt64.self, "its last version")))
                    })
            case .position, .cut, .counter, .sst, .removal, .removed, .collected:
                throw repeated(record, "version and claim")
            }
        }
    }

    /// What contradicts itself; called for every head that is read.
    func problems() -> [String] {
        var found: [String] = []
        if claim == .zero || claim.rawValue > Head.lastClaim { found.append("claim \(claim) cannot be") }
        if previous != nil && current == nil { found.append("a previous snapshot without a current one") }
        if let previous, let current, previous.version >= current.version {
            found.append("the previous snapshot is not older than the current one")
        }
        if let current, current.version > version { found.append("the snapshot is newer than the head") }
        if let last = deltas.last, last.version > version { found.append("a delta is newer than the head") }
        if let first = deltas.first, let previous, first.version <= previous.version {
            found.append("a delta is older than the previous snapshot")
        }
        if !zip(deltas, deltas.dropFirst()).allSatisfy({ $0.version < $1.version }) {
            found.append("deltas are not in order")
        }
        if !zip(earlierClaims, earlierClaims.dropFirst()).allSatisfy({ $0.claim < $1.claim }) {
            found.append("earlier claims are not in order")
        }
        if let last = earlierClaims.last, last.claim >= claim { found.append("an earlier claim is not earlier") }
        return found
    }
}

extension ObjectReference {
    /// 36 bytes: version (8), claim (8), size (8), checksum (4), written (8).
    func append(to writer: inout ByteWriter) {
        Position(version: version, claim: claim).append(to: &writer)
        writer.append(size)
        writer.append(checksum)
        writer.append(written)
    }

    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        let position = try Position(&reader)
        version = position.version
        claim = position.claim
        size = try reader.integer(UInt64.self, "the size of an object")
        checksum = try reader.integer(UInt32.self, "the checksum of an object")
        written = try reader.integer(Int64.self, "the time of an object")
    }
}
