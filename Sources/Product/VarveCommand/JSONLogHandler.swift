import Logging
import Platform
import VarveServer

/// Log lines as one JSON object each, `{"time":…,"level":…,"msg":…,…}`, on standard error, each in one write.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    /// Of this one logger; nil: that of all.
    private var ownLevel: Logger.Level?
    var logLevel: Logger.Level {
        get { ownLevel ?? common.level }
        set { ownLevel = newValue }
    }
    var metadataProvider: Logger.MetadataProvider?
    private let common: LogLevelSwitch
    private let time: any TimeSource

    init(level: LogLevelSwitch, time: any TimeSource = LiveTimeSource()) {
        common = level
        self.time = time
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { _, new in new }
        all.merge(event.metadata ?? [:]) { _, new in new }
        if let error = event.error { all["error"] = "\(error)" }
        let head = [
            ("time", TimeText.rfc3339(time.now())), ("level", "\(event.level)"), ("msg", "\(event.message)"),
        ]
        let details = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        Terminal.printError(QueryAnswerJSON.text(ofMembers: head + details))
    }
}
