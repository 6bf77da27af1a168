import Platform
import Synchronization
import Testing

@testable import VarveServer

/// A sender hears something in time, whatever the disk does.
@Suite struct WritePatienceTests {
    /// Each sleep takes no time and ten seconds.
    private final class RacingTime: TimeSource {
        private let seconds = Atomic<UInt64>(0)
        func now() -> Int64 { 0 }
        func monotonic() -> UInt64 { seconds.load(ordering: .relaxed) * 1_000_000_000 }
        func sleep(for duration: Duration) async throws {
            await Task.yield()
            seconds.add(10, ordering: .relaxed)
        }
    }

    @Test func aWriteWithoutAnAnswerIsToldThatItsOutcomeIsUnknown() async {
        let patience = WritePatience(.seconds(30), time: RacingTime())
        let late = Mutex<(@Sendable (APIAnswer) -> Void)?>(nil)
        let answer = await withCheckedContinuation { continuation in
            patience.answer({ continuation.resume(returning: $0) }) { answer in late.withLock { $0 = answer } }
        }
        #expect(answer.status == 503)
        #expect(answer.header("retry-after") == "5")
        #expect(answer.bodyText.hasPrefix("the disk has not confirmed this write for 30 s: its outcome is unknown"))
        // The late answer goes nowhere; others are answered as before, and watched anew.
        late.withLock { $0 }?(.empty(status: 204))
        for _ in 0..<20 {
            let next = await withCheckedContinuation { continuation in
                patience.answer({ continuation.resume(returning: $0) }) { $0(.empty(status: 204)) }
            }
            #expect(next.status == 204)
        }
    }

    @Test func aCrowdLeavesDescriptorsForFiles() {
        #expect(DescriptorLimit.connections(wanted: 512, descriptors: 1_024) == 512)
        #expect(DescriptorLimit.connections(wanted: 512, descriptors: 256) == 204)
        #expect(DescriptorLimit.connections(wanted: 512, descriptors: 64) == 12)
        #expect(DescriptorLimit.connections(wanted: 512, descriptors: 16) == 4, "few are better than none")
        #expect(DescriptorLimit.current > 0)
    }
}
