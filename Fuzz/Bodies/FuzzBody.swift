/// What each parser must do with any bytes at all: read them or refuse them with an error of its own, never trap, hang or
/// take memory for what is only declared. Where a reader has a writer, what was read is written and read again.
///
/// Input of parsers with parameters starts with these, a byte each.
public enum FuzzBody {
    /// By the name of their corpus.
    public static let all: [(name: String, run: @Sendable ([UInt8]) -> Void)] = [
        ("footer", footer), ("pages", pages), ("parquet", parquet), ("encodings", encodings),
        ("compression", compression), ("remotewrite", remoteWrite), ("log", log), ("manifest", manifest),
        ("promql", promQL), ("matchers", matchers), ("regex", regex), ("parameters", parameters),
        ("configuration", configuration), ("json", json), ("bucket", bucket),
    ]
}
