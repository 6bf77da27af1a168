/// Headers by which `varve wal replay` says whose log its bodies are of: part of a write, and of nothing else.
///
///     x-varve-log: 1f3a…,9b20…         claimants, in hexadecimal; 1 … 8
///     x-varve-sequences: 17-4711       numbers of the records that the body's samples were in; absent: a question
///
/// A question is answered by 200 and the number of the record up to which that log is in objects, or by 204: then its
/// samples can only come in as new ones. A server that knows nothing of this answers an empty body by 204, too.
struct LeftLog: Equatable, Sendable {
    static let logHeader = "x-varve-log"
    static let sequencesHeader = "x-varve-sequences"

    var claimants: [UInt64]
    var sequences: ClosedRange<UInt64>?

    init(claimants: [UInt64], sequences: ClosedRange<UInt64>? = nil) {
        self.claimants = claimants
        self.sequences = sequences
    }

    /// nil: a header is not of that form.
    init?(log: String, sequences text: String?) {
        let parts = log.split(separator: ",", omittingEmptySubsequences: false)
        claimants = parts.compactMap { $0.count <= 16 ? UInt64($0, radix: 16) : nil }
        guard (1...8).contains(parts.count), claimants.count == parts.count else { return nil }
        guard let text else { return }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = UInt64(ends[0]), let last = UInt64(ends[1]), first <= last else {
            return nil
        }
        sequences = first...last
    }

    var headers: [(String, String)] {
        let log = claimants.map { String($0, radix: 16) }.joined(separator: ",")
        return [(Self.logHeader, log)]
            + (sequences.map { [(Self.sequencesHeader, "\($0.lowerBound)-\($0.upperBound)")] } ?? [])
    }
}
