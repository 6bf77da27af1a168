import Synchronization

/// Memory of chunks that were flushed, for those that come next: fresh memory costs a page fault for every 4 KiB.
///
/// - It keeps `limit` bytes at most, and no more than was asked for between the last two freezes: a writer that has become
///   quiet gives its memory back at its next flush.
/// - A block is given out for exactly the size that it has; small ones go straight to the allocator.
final class ChunkMemory: Sendable {
    /// Reason for @unchecked: a block in here is nobody else's; who takes it is its only owner.
    private struct Block: @unchecked Sendable {
        let base: UnsafeMutableRawPointer
    }

    private struct State: Sendable {
        var blocks: [Int: [Block]] = [:]
        var held = 0
        var most: Int
        var asked = 0
    }

    static let smallestKept = 64 << 10
    private static let alignment = 64
    private let limit: Int
    private let state: Mutex<State>

    /// - Parameter limit: bytes to keep at most; 0: none.
    init(limit: Int) {
        self.limit = limit
        state = Mutex(State(most: limit))
    }

    deinit { state.withLock { Self.shrink(&$0, to: 0) } }

    /// Bytes kept for later.
    var held: Int { state.withLock { $0.held } }

    /// A block that holds anything.
    func take(_ bytes: Int) -> UnsafeMutableRawPointer {
        if bytes >= Self.smallestKept {
            let kept = state.withLock { state -> Block? in
                state.asked += bytes
                guard let block = state.blocks[bytes]?.popLast() else { return nil }
                state.held -= bytes
                return block
            }
            if let kept { return kept.base }
        }
        return .allocate(byteCount: bytes, alignment: Self.alignment)
    }

    /// - Parameter bytes: what it was taken for.
    func giveBack(_ base: UnsafeMutableRawPointer, _ bytes: Int) {
        let block = Block(base: base)
        let isKept =
            bytes >= Self.smallestKept
            && state.withLock { state in
                guard state.held + bytes <= state.most else { return false }
                state.blocks[bytes, default: []].append(block)
                state.held += bytes
                return true
            }
        if !isKept { base.deallocate() }
    }

    /// The open mem parts were frozen: what the next ones may need is what these did.
    func didFreeze() {
        state.withLock { state in
            state.most = min(limit, state.asked)
            state.asked = 0
            Self.shrink(&state, to: state.most)
        }
    }

    private static func shrink(_ state: inout State, to most: Int) {
        for size in state.blocks.keys {
            while state.held > most, let block = state.blocks[size]?.popLast() {
                block.base.deallocate()
                state.held -= size
            }
        }
    }
}
