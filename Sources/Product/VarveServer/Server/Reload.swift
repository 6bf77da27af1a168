import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the configuration again at SIGHUP, one signal after the other.
struct ReloadAtHangup: Service {
    let state: ServerState
    let reload: @Sendable () async -> Bool

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() {
            state.reloads.note(succeeded: await reload())
        }
    }
}
