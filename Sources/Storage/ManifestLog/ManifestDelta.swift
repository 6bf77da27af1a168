import Columnar
import ObjectStorage
import Platform

/// `delta/<version>-<claim>`: one durable change, immutable. It counts only once the head names it.
struct ManifestDelta: Equatable {
    var version: ManifestVersion
    var claim: ClaimNumber
    var change: ManifestChange

    func encoded() -> Bytes {
        var file = FramedFile.Builder(.delta)
        file.add(.position) { Position(version: version, claim: claim).append(to: &$0) }
        if let cut = change.cut { file.add(.cut) { $0.append(cut.rawValue) } }
        for (name, value) in change.counters.sorted(by: { $0.key < $1.key }) {
            file.add(.counter) { CounterRecord.append(name, value, to: &$0) }
        }
        for sst in change.added { file.add(.sst) { sst.append(to: &$0) } }
        for id in change.removed { file.add(.removal) { id.append(to: &$0) } }
        for id in change.collected { file.add(.collected) { id.append(to: &$0) } }
        return file.framed()
    }

    init(version: ManifestVersion, claim: ClaimNumber, change: ManifestChange) {
        self.version = version
        self.claim = claim
        self.change = change
    }

    init(_ bytes: Bytes, at key: ObjectKey) throws(ManifestError) {
        let records = try FramedFile.records(of: bytes, as: .delta, at: key)
        self = try FramedFile.reading(key) { () throws(MalformedBytes) in try Self(records) }
    }

    private init(_ records: [FramedRecord]) throws(MalformedBytes) {
        let position = try Position.first(of: records).read { reader throws(MalformedBytes) in
            try Position(&reader)
        }
        version = position.version
        claim = position.claim
        change = ManifestChange()
        for record in records.dropFirst() {
            switch record.tag {
            case .cut:
                guard change.cut == nil else { throw repeated(record, "a cut") }
                change.cut = SequenceNumber(
                    try record.read { reader throws(MalformedBytes) in try reader.integer(UInt64.self, "the cut") })
            case .counter:
                let counter = try record.read { reader throws(MalformedBytes) in try CounterRecord.read(&reader) }
                guard change.counters.updateValue(counter.value, forKey: counter.name) == nil else {
                    throw repeated(record, "counter \(counter.name)")
                }
            case .sst:
                change.added.append(
                    try record.read { reader throws(MalformedBytes) in try SSTMetadata(&reader) })
            case .removal:
                change.removed.append(try record.read { reader throws(MalformedBytes) in try SSTID(&reader) })
            case .collected:
                change.collected.append(try record.read { reader throws(MalformedBytes) in try SSTID(&reader) })
            case .position, .removed, .currentSnapshot, .previousSnapshot, .delta, .earlierClaim:
                throw repeated(record, "version and claim")
            }
        }
    }
}
