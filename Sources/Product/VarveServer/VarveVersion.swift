/// What this build calls itself, and which Prometheus it speaks like.
public enum VarveVersion {
    public static let current = "0.1.0"
    /// The Prometheus release whose API is answered. Grafana reads `buildinfo`'s version as Prometheus's own and, below
    /// 2.24, stops asking `labels?match[]`.
    public static let prometheusLevel = "2.55.0"
}
