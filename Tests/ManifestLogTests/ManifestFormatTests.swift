import Columnar
import ObjectStorage
import Platform
import Testing

@testable import ManifestLog

/// Golden bytes: a change of format is a decision, and shows here.
struct ManifestFormatTests {
    private let key = ObjectKey(trusted: "regions/metrics/manifest/some")

    private func golden(_ name: String) throws -> Bytes {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let file = try LiveFileSystem().open("/\(folder)/Golden/\(name)", .read)
        return try file.read(at: 0, count: Int(try file.size()))
    }

    private var delta: ManifestDelta {
        var change = ManifestChange.adding(.sample(3, counter: 1), .sample(3, counter: 2, table: 1))
        change.removed = [SSTID(1, 4), SSTID(2, 5)]
        change.cut = SequenceNumber(3 << 40 + 77)
        change.counters = ["series-numbers": 1_000, "metric-numbers": 12]
        change.collected = [SSTID(1, 1)]
        return ManifestDelta(version: .init(42), claim: .init(3), change: change)
    }

    private var manifest: Manifest {
        var manifest = Manifest()
        manifest.version = .init(41)
        manifest.claim = .init(3)
        manifest.cut = SequenceNumber(99)
        manifest.counters = ["series-numbers": 900, "metric-numbers": 11]
        for sst in [SSTMetadata.sample(2, counter: 5), .sample(1, counter: 4, table: 2)] { manifest.live[sst.id] = sst }
        manifest.removed = [SSTID(1, 1): RemovedSST(table: 1, segment: -5..<5, removedAt: 1_780_000_000_000)]
        return manifest
    }

    private var head: Head {
        var head = Head(version: .init(42), claim: .init(3), claimant: 0x0123_4567_89ab_cdef)
        head.previous = ObjectReference(version: .init(20), claim: .init(2), bytes: [1, 2, 3], written: 0)
        head.deltas = [ObjectReference(version: .init(21), claim: .init(2), bytes: [4], written: 0)]
        head.current = ObjectReference(
            version: .init(41), claim: .init(3), bytes: manifest.encodedSnapshot(), written: 0)
        head.deltas.append(
            ObjectReference(version: .init(42), claim: .init(3), bytes: delta.encoded(), written: 1_780_000_000_123))
        head.earlierClaims = [
            EarlierClaim(claim: .init(1), lastVersion: .init(17)),
            EarlierClaim(claim: .init(2), lastVersion: .init(30)),
        ]
        return head
    }

    @Test func aHeadIsVersion1ByteForByte() throws {
        #expect(head.problems().isEmpty)
        #expect(head.encoded() == (try golden("head-v1.bin")))
        #expect(try Head(golden("head-v1.bin"), at: key) == head)
    }

    @Test func aDeltaIsVersion1ByteForByte() throws {
        #expect(delta.encoded() == (try golden("delta-v1.bin")))
        #expect(try ManifestDelta(golden("delta-v1.bin"), at: key) == delta)
    }

    @Test func aSnapshotIsVersion1ByteForByte() throws {
        #expect(manifest.encodedSnapshot() == (try golden("snapshot-v1.bin")))
        #expect(try Manifest(snapshot: golden("snapshot-v1.bin"), at: key) == manifest)
    }

    @Test func emptyOnesAreValid() throws {
        #expect(try Manifest(snapshot: Manifest().encodedSnapshot(), at: key) == Manifest())
        let delta = ManifestDelta(version: .init(1), claim: .init(1), change: ManifestChange())
        #expect(try ManifestDelta(delta.encoded(), at: key) == delta)
        let head = Head(version: .zero, claim: .init(1), claimant: 0)
        #expect(try Head(head.encoded(), at: key) == head)
    }

    @Test func namesSortAsNumbersDo() throws {
        let numbers: [UInt64] = [0, 1, 9, 10, 99, 1_000, .max - 1, .max]
        let keys = numbers.map { ManifestPaths.delta(.init($0), .init(1)) }
        #expect(keys == keys.sorted())
        #expect(ManifestPaths.delta(.init(12), .init(3)).path == "delta/00000000000000000012-0000003")
        for key in keys + [ManifestPaths.snapshot(.init(5), .init(Head.lastClaim))] {
            let (version, claim) = try #require(ManifestPaths.parse(key))
            #expect([ManifestPaths.delta(version, claim), ManifestPaths.snapshot(version, claim)].contains(key))
        }
        for strange in [
            "head", "delta/1-1", "delta/x", "other/00000000000000000012-0000003", "delta/+0000000000000000012-0000003",
        ] {
            #expect(ManifestPaths.parse(ObjectKey(strange) ?? key) == nil)
        }
    }

    /// One decoder per kind, for the tests that break bytes.
    private var decoders: [(String, Bytes, (Bytes) throws(ManifestError) -> Void)] {
        let key = key
        return [
            ("head", head.encoded(), { bytes throws(ManifestError) in _ = try Head(bytes, at: key) }),
            ("delta", delta.encoded(), { bytes throws(ManifestError) in _ = try ManifestDelta(bytes, at: key) }),
            (
                "snapshot", manifest.encodedSnapshot(),
                { bytes throws(ManifestError) in _ = try Manifest(snapshot: bytes, at: key) }
            ),
        ]
    }

    @Test func everyFlippedBitIsRefused() throws {
        for (name, bytes, decode) in decoders {
            for offset in bytes.indices {
                for bit in 0..<8 {
                    var flipped = bytes
                    flipped[offset] ^= 1 << bit
                    do {
                        try decode(flipped)
                        Issue.record("\(name): bit \(bit) of byte \(offset) went unnoticed")
                    } catch {
                        guard case .damaged(let damage) = error else {
                            Issue.record("\(name), byte \(offset): \(error)")
                            continue
                        }
                        #expect(damage.path == key.path)
                        #expect(damage.remedy.contains("varve rebuild"))
                    }
                }
            }
        }
    }

    @Test func everyCutAndEveryAdditionIsRefused() throws {
        for (name, bytes, decode) in decoders {
            for length in bytes.indices {
                #expect(throws: ManifestError.self, "\(name), \(length)") { try decode(Array(bytes[..<length])) }
            }
            #expect(throws: ManifestError.self) { try decode(bytes + [0]) }
            #expect(throws: ManifestError.self) { try decode(bytes + bytes) }
        }
    }

    @Test func oneKindDoesNotPassForAnother() throws {
        #expect(throws: ManifestError.self) { try Head(delta.encoded(), at: key) }
        #expect(throws: ManifestError.self) { try ManifestDelta(manifest.encodedSnapshot(), at: key) }
        #expect(throws: ManifestError.self) { try Manifest(snapshot: head.encoded(), at: key) }
    }

    /// Bytes with a right checksum, as somebody hostile or a newer Varve would write them.
    private func sealed(_ bytes: Bytes) -> Bytes {
        var sealed = bytes
        let rest = UInt64(bytes.count - 24)
        for i in 0..<8 { sealed[16 + i] = UInt8(truncatingIfNeeded: rest >> UInt64(8 * i)) }
        let checksum = sealed.withUnsafeBytes { all in
            CRC32C.checksum(
                UnsafeRawBufferPointer(rebasing: all[16...]),
                continuing: CRC32C.checksum(UnsafeRawBufferPointer(rebasing: all[..<12])))
        }
        for i in 0..<4 { sealed[12 + i] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * i)) }
        return sealed
    }

    @Test func aNewerVersionIsRefusedByName() throws {
        var newer = head.encoded()
        newer[8] = 2
        #expect(throws: ManifestError.unsupportedVersion(object: key.path, version: 2)) {
            try Head(sealed(newer), at: key)
        }
        #expect(
            ManifestError.unsupportedVersion(object: key.path, version: 2).description
                == "regions/metrics/manifest/some has format version 2; this Varve reads version 1. Nothing was changed. "
                + "Use the newer Varve that wrote it.")
    }

    @Test func anUnknownTagIsRefusedByNumber() throws {
        let added: Bytes = [200, 0, 1, 0, 0, 0, 9]
        for (name, bytes, decode) in decoders {
            do {
                try decode(sealed(bytes + added))
                Issue.record("\(name): an unknown tag went unnoticed")
            } catch {
                #expect(error.description.contains("found tag 200 in a \(name)"))
                #expect(error.description.contains("at byte \(bytes.count)"))
            }
        }
    }

    /// Any bytes under a right checksum: an error or a value, never a trap, and a value encodes to the same bytes again.
    @Test(arguments: UInt64(0)..<4)
    func hostileBytesWithARightChecksumDoNotTrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for (_, bytes, decode) in decoders {
            for _ in 0..<4_000 {
                var hostile = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let offset = Int.random(in: 24..<hostile.count, using: &random)
                    hostile[offset] =
                        [0, 0xff, 0x80, UInt8.random(in: 0...255, using: &random)][
                            Int.random(in: 0..<4, using: &random)]
                }
                if Bool.random(using: &random) {
                    hostile.removeLast(Int.random(in: 0..<(hostile.count - 24), using: &random))
                }
                try? decode(sealed(hostile))
            }
        }
    }
}
