import Logging
import Synchronization
import VarveServer

/// The level of all log lines, which a reload may change while the server runs.
final class LogLevelSwitch: Sendable {
    private let current: Mutex<Logger.Level>
    init(_ level: ServeSettings.LogLevel) { current = Mutex(Self.level(level)) }
    var level: Logger.Level { current.withLock { $0 } }
    func set(_ level: ServeSettings.LogLevel) { current.withLock { $0 = Self.level(level) } }
    private static func level(_ level: ServeSettings.LogLevel) -> Logger.Level {
        Logger.Level(rawValue: level.rawValue) ?? .info
    }
}
