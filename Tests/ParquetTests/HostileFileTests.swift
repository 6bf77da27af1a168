import Columnar
import Parquet
import Platform
import Testing

@Suite struct HostileFileTests {
    static let rows: SampleRows = {
        var random = SeededGenerator(seed: 77)
        return SampleRows(count: 24, random: &random)
    }()

    /// Everything that can be read of a file, or the error that it makes.
    private func readAll(_ bytes: [UInt8]) async throws -> [SampleRows] {
        let file = try await ParquetFile.open(name: "h", source: MemoryByteSource(bytes))
        var found: [SampleRows] = []
        for group in file.metadata.rowGroups.indices {
            for column in file.leaves.indices { _ = try await file.columnIndex(rowGroup: group, column: column) }
            found.append(try await SampleRows.read(file, rowGroup: group))
        }
        return found
    }

    /// Page checksums and the seal over footer and page index leave no byte out but those of the page headers, and
    /// these are checked against index and footer.
    @Test(arguments: [PageCompression.none, .zstd(1)])
    func everyFlippedByteIsSeen(compression: PageCompression) async throws {
        let bytes = try SampleRows.file([Self.rows], pageRows: 12, compression)
        #expect(try await readAll(bytes) == [Self.rows])
        for i in bytes.indices {
            for mask: UInt8 in [0xff, 0x01, 0x10] {
                var damaged = bytes
                damaged[i] ^= mask
                await #expect(throws: ParquetError.self, "byte \(i) ^ \(mask)") { _ = try await readAll(damaged) }
            }
        }
    }

    @Test func everyCutIsSeen() async throws {
        let bytes = try SampleRows.file([Self.rows], pageRows: 12, .zstd(1))
        for length in 0..<bytes.count {
            await #expect(throws: ParquetError.self, "cut at \(length)") {
                _ = try await readAll(Array(bytes[..<length]))
            }
        }
    }

    /// Two bytes at once, checksums of the footer or not: nothing traps.
    @Test(arguments: UInt64(0)..<8)
    func randomDamageNeverTraps(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        // Without the seal a footer's lies are believed further.
        let bytes = try unsealed(try SampleRows.file([Self.rows], pageRows: 12, .zstd(1)))
        let footer = bytes.count - 1200
        for _ in 0..<400 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Bool.random(using: &random) ? footer : 0
                damaged[Int.random(in: at..<bytes.count, using: &random)] = UInt8.random(in: 0 ... .max, using: &random)
            }
            _ = try? await readAll(damaged)
            _ = try await ParquetVerify.verify(name: "h", source: MemoryByteSource(damaged))
        }
    }

    /// The same file with the keys of the checksums renamed.
    private func unsealed(_ bytes: [UInt8]) throws -> [UInt8] {
        var bytes = bytes
        for key in ["varve.footer_crc", "varve.page_index_crc"].map({ Array($0.utf8) }) {
            let at = try #require((0..<bytes.count - key.count).last { bytes[$0..<$0 + key.count].elementsEqual(key) })
            bytes[at] = UInt8(ascii: "x")
        }
        return bytes
    }

    @Test func aFileWithoutItsSealIsReadAsAnothersWouldBe() async throws {
        let bytes = try unsealed(try SampleRows.file([Self.rows], pageRows: 12, .zstd(1)))
        #expect(try await readAll(bytes) == [Self.rows])
    }

    @Test func aLyingFooterLengthIsRefused() async throws {
        for length: UInt32 in [0, .max, 0x7fff_ffff, 1 << 20] {
            var bytes = try SampleRows.file([Self.rows], pageRows: 12, .none)
            withUnsafeBytes(of: length.littleEndian) {
                bytes.replaceSubrange(bytes.count - 8..<bytes.count - 4, with: $0)
            }
            await #expect(throws: ParquetError.self) { _ = try await readAll(bytes) }
        }
    }

    @Test func whatAFileSaysOfItselfIsNamedInTheError() async throws {
        let bytes = try SampleRows.file([Self.rows], pageRows: 12, .none)
        let file = try await ParquetFile.open(name: "objects/7.parquet", source: MemoryByteSource(bytes))
        let page = try await file.pageLocations(rowGroup: 0, column: 2)[1]
        var damaged = bytes
        damaged[page.bytes.upperBound - 1] ^= 1
        let again = try await ParquetFile.open(name: "objects/7.parquet", source: MemoryByteSource(damaged))
        do {
            _ = try await again.read(PageRequest(rowGroup: 0, column: 2))
            Issue.record("the flipped bit was not seen")
        } catch let error as ParquetError {
            #expect(error.kind == .damaged)
            #expect(error.column == "double" && error.page == 1 && error.offset == UInt64(page.offset))
            #expect(
                error.description.hasPrefix(
                    "objects/7.parquet, column double, page 1, byte \(page.offset) is damaged: CRC"))
        }
    }
}

/// Counts what is asked of it.
final class CountingSource: ByteSource {
    private let inner: MemoryByteSource
    private let counter = Counter()
    init(_ bytes: [UInt8]) { inner = MemoryByteSource(bytes) }
    var size: UInt64 { inner.size }
    var reads: Int { counter.count }
    func read(_ range: Range<UInt64>) async throws -> [UInt8] {
        counter.add()
        return try await inner.read(range)
    }
}
