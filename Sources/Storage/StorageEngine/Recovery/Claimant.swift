import Columnar
import Platform

/// Who we said we were when we claimed a region: random numbers in a small file beside the log.
///
/// A log with unflushed records belongs to whoever wrote it. When the head was last claimed under a number that is not
/// in this file, another node has taken the region since, and replaying our log over its data could bring old values
/// back: the open is refused. The number is written before the claim is tried, so a crash between the two is no puzzle.
struct Claimant: Equatable {
    /// The number of the last claim that succeeded, and the one being tried.
    var known: [UInt64]
    /// Up to here the log was in objects when it was last closed. Once another has claimed, the manifest's own cut no
    /// longer tells: it is of that one's writes.
    var flushed: SequenceNumber?
    /// Who had claimed before, when a claim was begun over another node's that the manifest does not tell of yet.
    var over: UInt64?

    private static let flushedMark = "flushed "
    private static let overMark = "over "

    static func read(_ path: String, in fileSystem: any FileSystem) throws(FileSystemError) -> Claimant {
        guard let bytes = try AtomicFile.read(path, limit: 4_096, in: fileSystem) else { return Claimant(known: []) }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        let flushed = lines.last { $0.hasPrefix(flushedMark) }?.dropFirst(flushedMark.count)
        let over = lines.last { $0.hasPrefix(overMark) }?.dropFirst(overMark.count)
        return Claimant(
            known: lines.compactMap { UInt64($0, radix: 16) },
            flushed: flushed.flatMap { UInt64($0, radix: 16) }.map { SequenceNumber($0) },
            over: over.flatMap { UInt64($0, radix: 16) })
    }

    func write(_ path: String, in fileSystem: any FileSystem) throws(FileSystemError) {
        let mark = flushed.map { Self.flushedMark + String($0.rawValue, radix: 16) + "\n" } ?? ""
        let overLine = over.map { Self.overMark + String($0, radix: 16) + "\n" } ?? ""
        let text = known.map { String($0, radix: 16) + "\n" }.joined() + mark + overLine
        try AtomicFile.write(Bytes(text: text), to: path, in: fileSystem)
    }

    /// Before the claim under `number` is tried. The number that the head holds now stays known, however often a try ends
    /// before its claim: it may be the one under which the log was written.
    mutating func begin(_ number: UInt64, after last: UInt64?) {
        if let last, !known.contains(last) { over = last }
        known = known.filter { $0 == last } + [number]
    }

    /// Whether the log, whose highest number is `last`, may hold what no object does.
    func mayHoldUnflushed(_ last: SequenceNumber?, cut: SequenceNumber, after holder: UInt64?) -> Bool {
        guard let last else { return false }
        #if PLANTED_BUGS
            if PlantedBug.current == .takesAnothersCut { return last > cut }
        #endif
        let isOurs = holder.map { known.contains($0) } ?? true
        return last > (isOurs ? cut : flushed ?? .zero)
    }

    /// May this node claim, given who claimed last and whether its own log still holds unflushed records?
    func mayClaim(after last: UInt64?, hasUnflushedRecords: Bool) -> Bool {
        guard let last, hasUnflushedRecords else { return true }
        return known.contains(last)
    }
}
