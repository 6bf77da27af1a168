import Glibc

/// Runs asynchronous work to its end on this thread's time: inputs come one by one.
func waiting(_ work: @escaping @Sendable () async -> Void) {
    let done = Done()
    Task {
        await work()
        done.signal()
    }
    done.wait()
}

private final class Done: Sendable {
    private let semaphore: SendablePointer
    private struct SendablePointer: @unchecked Sendable {  // a semaphore is made for several threads
        let pointer: UnsafeMutablePointer<sem_t>
    }
    init() {
        semaphore = SendablePointer(pointer: .allocate(capacity: 1))
        sem_init(semaphore.pointer, 0, 0)
    }
    deinit {
        sem_destroy(semaphore.pointer)
        semaphore.pointer.deallocate()
    }
    func signal() { sem_post(semaphore.pointer) }
    func wait() { while sem_wait(semaphore.pointer) != 0 {} }
}
