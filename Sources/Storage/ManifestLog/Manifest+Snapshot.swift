import Columnar
import ObjectStorage
import Platform

/// `snapshot/<version>-<claim>`: the whole manifest as of one version, immutable; an empty one is valid.
extension Manifest {
    func encodedSnapshot() -> Bytes {
        var file = FramedFile.Builder(.snapshot)
        #if PLANTED_BUGS
            let version = PlantedBug.current == .snapshotWithoutVersion ? .zero : version
        #endif
        file.add(.position) { Position(version: version, claim: claim).append(to: &$0) }
        file.add(.cut) { $0.append(cut.rawValue) }
        for (name, value) in counters.sorted(by: { $0.key < $1.key }) {
            file.add(.counter) { CounterRecord.append(name, value, to: &$0) }
        }
        for (_, sst) in live.sorted(by: { $0.key < $1.key }) { file.add(.sst) { sst.append(to: &$0) } }
        for (id, sst) in removed.sorted(by: { $0.key < $1.key }) {
            file.add(.removed) {
                id.append(to: &$0)
                sst.append(to: &$0)
            }
        }
        return file.framed()
    }

    init(snapshot bytes: Bytes, at key: ObjectKey) throws(ManifestError) {
        let records = try FramedFile.records(of: bytes, as: .snapshot, at: key)
        self = try FramedFile.reading(key) { () throws(MalformedBytes) in try Self(records) }
    }

    private init(_ records: [FramedRecord]) throws(MalformedBytes) {
        self.init()
        let position = try Position.first(of: records).read { reader throws(MalformedBytes) in
            try Position(&reader)
        }
        version = position.version
        claim = position.claim
        var sawCut = false
        for record in records.dropFirst() {
            switch record.tag {
            case .cut:
                guard !sawCut else { throw repeated(record, "a cut") }
                sawCut = true
                cut = SequenceNumber(
                    try record.read { reader throws(MalformedBytes) in try reader.integer(UInt64.self, "the cut") })
            case .counter:
                let counter = try record.read { reader throws(MalformedBytes) in try CounterRecord.read(&reader) }
                guard counters.updateValue(counter.value, forKey: counter.name) == nil else {
                    throw repeated(record, "counter \(counter.name)")
                }
            case .sst:
                let sst = try record.read { reader throws(MalformedBytes) in try SSTMetadata(&reader) }
                guard live.updateValue(sst, forKey: sst.id) == nil else { throw repeated(record, "SST \(sst.id)") }
            case .removed:
                let (id, sst) = try record.read { reader throws(MalformedBytes) in
                    (try SSTID(&reader), try RemovedSST(&reader))
                }
                guard live[id] == nil, removed.updateValue(sst, forKey: id) == nil else {
                    throw repeated(record, "SST \(id)")
                }
            case .position, .removal, .collected, .currentSnapshot, .previousSnapshot, .delta, .earlierClaim:
                throw repeated(record, "version and claim")
            }
        }
        guard sawCut else { throw MalformedBytes(offset: FramedFile.headerSize, expected: "a cut") }
    }
}
