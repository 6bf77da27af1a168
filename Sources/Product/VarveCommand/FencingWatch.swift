import Platform
import VarveServer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Stops the process, as SIGTERM does, once another node writes in its place: writes are refused from that moment, and a
/// server that takes none and says nothing would be noticed late.
struct FencingWatch {
    private let task: Task<Void, Never>

    init(_ database: any OpenedDatabase, _ environment: Environment) {
        task = Task {
            while database.fencing == nil {
                do { try await environment.time.sleep(for: .milliseconds(500)) } catch { return }
            }
            kill(getpid(), SIGTERM)
        }
    }

    func cancel() { task.cancel() }
}
