import Logging
import Platform
import VarveServer

/// Log lines as `time=… level=… msg="…" key=value` on standard error, each in one write.
struct LogfmtHandler: LogHandler {
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
        var line = "time=\(TimeText.rfc3339(time.now())) level=\(event.level) msg=\(Self.value("\(event.message)"))"
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(Self.value("\(value)"))" }
        if let error = event.error { line += " error=\(Self.value("\(error)"))" }
        Terminal.printError(line)
    }

    /// Quoted where a space or a strange character would end it.
    private static func value(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d }
        return isPlain ? text : QuotedText.quote(text)
    }
}
