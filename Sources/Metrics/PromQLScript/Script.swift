public import MetricModel

/// A test script of Prometheus's: series to load and queries with the answers they must give.
public struct Script: Sendable {
    public enum Command: Sendable {
        case clear
        case load(LoadCommand)
        case evaluate(Evaluation)
    }

    /// What failures are reported under.
    public let name: String
    public let commands: [Command]
}

/// `load 5m` and its series.
public struct LoadCommand: Sendable {
    public struct Series: Sendable {
        public var labels: Labels
        public var points: [SeriesPoint]
        /// Since when each point counts, in milliseconds from its own time; nil: it does not say. One for each point, or
        /// none at all.
        public var startOffsets: [Int64?] = []
    }
    /// Milliseconds between points; the first is at 0.
    public var interval: Int64
    /// Classic histograms are stored a second time, as native ones with custom buckets.
    public var addsNativeHistograms: Bool
    public var series: [Series]
    /// `startOffsets` of the series that have none of their own, over and over.
    public var defaultStartOffsets: [Int64?] = []
}

/// One point of a series description.
public enum SeriesPoint: Sendable, Equatable {
    case omitted
    /// `stale` is the value `StaleMarker.value`.
    case value(Double)
    /// The text between the double braces.
    case histogram(String)
}

/// `eval instant at 5m sum(x)` or `eval range from 0 to 10m step 1m sum(x)`, and what is expected.
public struct Evaluation: Sendable {
    public enum Time: Sendable, Equatable {
        /// Milliseconds.
        case instant(Int64)
        case range(start: Int64, end: Int64, step: Int64)
    }

    /// A text that must equal a message, or a pattern that must be found in it.
    public enum MessagePattern: Sendable {
        case any
        case exactly(String)
        case containing(LabelRegex, text: String)

        func matches(_ message: String) -> Bool {
            switch self {
            case .any: true
            case .exactly(let text): message.hasSameBytes(as: text)
            case .containing(let regex, _): regex.matches(message)
            }
        }
    }

    public struct ExpectedSeries: Sendable {
        public var labels: Labels
        public var points: [SeriesPoint]
    }

    /// Line of the script, from 1.
    public var line: Int
    public var query: String
    public var time: Time

    public var failure: MessagePattern?
    public var warnings: [MessagePattern] = []
    public var infos: [MessagePattern] = []
    public var forbidsWarnings = false
    public var forbidsInfos = false
    public var isOrdered = false

    public var series: [ExpectedSeries] = []
    public var scalar: Double?
    public var string: String?
    /// `expect range vector from … to … step …`: the times that the points of `series` stand at.
    public var rangeVector: (start: Int64, end: Int64, step: Int64)?
}

/// A script that is out of form: which line, and why.
public struct ScriptError: Error, Sendable, Equatable, CustomStringConvertible {
    public let script: String
    public let line: Int
    public let reason: String
    public var description: String { "\(script):\(line): \(reason)" }
}
