import NIOCore

/// Runs the steps of one short question on the event loop that read it, without waking a thread, as long as nobody else has to
/// be waited for.
///
/// - A step that another thread makes ready (storage was read) goes to `elsewhere`, and so do all that follow it: bytes that
///   had to be fetched take time to unpack as well.
/// - Steps run in the order in which they are made ready, one at a time, after what the loop is doing now.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop
    private let elsewhere: any TaskExecutor

    init(_ loop: any EventLoop, elsewhere: any TaskExecutor) {
        self.loop = loop
        self.elsewhere = elsewhere
    }

    func enqueue(_ job: consuming ExecutorJob) {
        guard loop.inEventLoop else { return elsewhere.enqueue(job) }
        let unowned = UnownedJob(job)
        loop.execute { [self] in unowned.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
