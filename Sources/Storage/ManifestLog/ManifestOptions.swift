/// When a manifest's deltas are folded into a snapshot, and how long doubt is borne.
public struct ManifestOptions: Sendable, Equatable {
    /// Deltas that are not folded: from this many on they are folded in the background…
    public var foldInBackground = 10
    /// …from here on by the commit that reached the number, before the next one begins…
    public var foldAtOnce = 50
    /// …and from here on (folding has failed so far) before every commit. A commit is never refused for it (rule R9).
    public var foldBeforeCommit = 90
    /// How often a put is made and the head read, each, until the commit is given up or in doubt. 1 … 100.
    public var attempts = 5
    /// Between attempts; doubles each time. Zero does not wait.
    public var pause = Duration.milliseconds(100)

    public init() {}

    /// Each names the setting and its range.
    public func problems() -> [String] {
        var found: [String] = []
        if !(1...foldAtOnce).contains(foldInBackground) || foldAtOnce > foldBeforeCommit || foldBeforeCommit > 10_000 {
            found.append(
                "manifest folding at \(foldInBackground), \(foldAtOnce), \(foldBeforeCommit) deltas; use rising numbers, "
                    + "1 … 10000")
        }
        if !(1...100).contains(attempts) { found.append("manifest attempts are \(attempts); use 1 … 100") }
        if pause < .zero || pause > .seconds(10) { found.append("manifest pause is \(pause); use 0 … 10 s") }
        return found
    }
}
