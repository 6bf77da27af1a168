import Columnar
import ObjectStorage
import Platform
import Testing

@testable import ManifestLog

/// The protocol of claims and commits, modelled exhaustively: three processes, each step on its own, requests that are
/// lost or arrive late, answers that are lost, stalls of any length. The decisions are the real ones (`verdict`,
/// `Head.claimed`, `Head.adding`); the store and the waiting are the model's.
///
/// Safe means, in every state that can be reached: what a process was told is committed is in the head, what it was told
/// has failed is not and never will be, and each claim number has one claimant.
struct HeadModelTests {
    /// A head as a number: states stay small.
    typealias HeadNumber = Int

    struct Request: Hashable, Comparable {
        var process: Int
        var wanted: HeadNumber
        /// The number of the head's replacement that it names; nil for "if absent".
        var tag: Int?
        /// Its process still waits for the answer.
        var isAwaited: Bool
        static func < (a: Self, b: Self) -> Bool {
            (a.process, a.wanted, a.tag ?? -1, a.isAwaited ? 1 : 0)
                < (b.process, b.wanted, b.tag ?? -1, b.isAwaited ? 1 : 0)
        }
    }

    /// A swap that a process is about.
    struct Attempt: Hashable {
        var base: HeadNumber?
        var tag: Int?
        var wanted: HeadNumber
        var isClaim: Bool
        var number: Int
    }

    enum Phase: Hashable {
        case fresh
        /// It must read everything again.
        case again
        case ready(Attempt)
        case waiting(Attempt)
        case asking(Attempt)
        case holding(HeadNumber, tag: Int, commits: Int)
        case stopped
    }

    struct Commit: Hashable {
        var version: UInt64
        var claim: UInt64
    }

    struct World: Hashable {
        var head: HeadNumber?
        /// How often the head was replaced.
        var tag = 0
        var phases: [Phase]
        var commits: [Int]
        var requests: [Request] = []
        var toldCommitted: Set<Commit> = []
        var toldFailed: Set<Commit> = []
    }

    struct Bounds {
        var processes = 3
        var commitsEach = 1
        var attempts = 2
    }

    /// Mistakes that the model must find, else it proves nothing.
    enum Mistake: CaseIterable { case swapsWithoutCondition, takesUnansweredForLost, doesNotLookAtTheClaim }

    struct Explorer {
        let bounds: Bounds
        let mistake: Mistake?
        var heads: [Head] = []
        var numbers: [Head: HeadNumber] = [:]
        var seen: Set<World> = []
        /// What is to be looked at in this step and in the next.
        var layer: [World] = []
        var rest: [World] = []
        /// Of the shortest way to where the search stands.
        var steps = 0
        var problems: [String] = []

        init(_ bounds: Bounds, _ mistake: Mistake?) {
            self.bounds = bounds
            self.mistake = mistake
        }

        mutating func number(of head: Head) -> HeadNumber {
            if let number = numbers[head] { return number }
            heads.append(head)
            numbers[head] = heads.count - 1
            return heads.count - 1
        }

        mutating func run() {
            visit(
                World(
                    phases: Array(repeating: .fresh, count: bounds.processes),
                    commits: Array(repeating: 0, count: bounds.processes)))
            // Breadth first: a problem is found by the shortest way to it.
            while !rest.isEmpty, problems.isEmpty {
                (layer, rest) = (rest, [])
                steps += 1
                for world in layer where problems.isEmpty {
                    for process in 0..<bounds.processes { step(process, in: world) }
                    for index in world.requests.indices { deliver(index, in: world) }
                }
            }
        }

        private mutating func visit(_ reached: World) {
            var world = reached
            if mistake != .swapsWithoutCondition {
                // What nobody waits for and what names a head that is gone can do nothing any more.
                world.requests = reached.requests.filter { $0.isAwaited || holds($0, in: reached) }
            }
            guard seen.insert(world).inserted else { return }
            check(world)
            rest.append(world)
        }

        private mutating func check(_ world: World) {
            var live: Set<Commit> = []
            if let number = world.head {
                let head = heads[number]
                problems += head.problems()
                live = Set(head.deltas.map { Commit(version: $0.version.rawValue, claim: $0.claim.rawValue) })
            }
            if !world.toldCommitted.isSubset(of: live) { problems.append("a commit that was acknowledged is lost") }
            if !world.toldFailed.isDisjoint(with: live) {
                problems.append("a commit that was said to have failed counts")
            }
            var holders: Set<UInt64> = []
            for case .holding(let number, _, _) in world.phases
            where !holders.insert(heads[number].claim.rawValue).inserted {
                problems.append("a claim has two holders")
            }
        }

        /// What process `p` can do next.
        private mutating func step(_ p: Int, in world: World) {
            var next = world
            switch world.phases[p] {
            case .stopped: return
            case .fresh, .again:
                // Processes are alike: they begin in order.
                guard p == 0 || world.phases[p] == .again || world.phases[p - 1] != .fresh else { return }
                let wanted: Head
                if let base = world.head {
                    guard let head = heads[base].claimed(by: UInt64(p)) else { return }
                    wanted = head
                } else {
                    wanted = Head(version: .zero, claim: .init(1), claimant: UInt64(p))
                }
                next.phases[p] = .ready(
                    Attempt(
                        base: world.head, tag: world.head == nil ? nil : world.tag, wanted: number(of: wanted),
                        isClaim: true, number: 0))
                visit(next)
            case .holding(let base, let tag, let commits):
                guard commits < bounds.commitsEach else { return }
                let version = ManifestVersion(heads[base].version.rawValue + 1)
                let delta = ObjectReference(version: version, claim: heads[base].claim, bytes: [], written: 0)
                next.phases[p] = .ready(
                    Attempt(
                        base: base, tag: tag, wanted: number(of: heads[base].adding(delta)), isClaim: false, number: 0))
                next.commits[p] = commits + 1
                visit(next)
            case .ready(let attempt):
                guard attempt.number < bounds.attempts else {
                    next.phases[p] = .stopped  // in doubt: it says so, and begins nothing
                    return visit(next)
                }
                add(Request(process: p, wanted: attempt.wanted, tag: attempt.tag, isAwaited: true), to: &next)
                var sent = attempt
                sent.number += 1
                next.phases[p] = .waiting(sent)
                visit(next)
            case .waiting(let attempt):
                // No answer came in time: the request may be lost, or may arrive later.
                for index in next.requests.indices where next.requests[index].process == p {
                    next.requests[index].isAwaited = false
                }
                next.requests.sort()
                if mistake == .takesUnansweredForLost && !attempt.isClaim {
                    tell(p, attempt, committed: false, &next)
                    next.phases[p] = .stopped
                } else {
                    next.phases[p] = .asking(attempt)
                }
                visit(next)
            case .asking(let attempt): ask(p, attempt, next)
            }
        }

        private mutating func ask(_ p: Int, _ attempt: Attempt, _ world: World) {
            var next = world
            next.phases[p] = .stopped  // the head cannot be read: unknown
            visit(next)
            next = world
            let shown: ShownHead = world.head.map { .head(heads[$0], ObjectTag("\(world.tag)")) } ?? .absent
            var again = attempt
            again.tag = world.head == nil ? nil : world.tag
            if attempt.isClaim {
                switch verdict(on: shown, claiming: heads[attempt.wanted], from: attempt.base.map { heads[$0] }) {
                case .claimed: next.phases[p] = .holding(attempt.wanted, tag: world.tag, commits: 0)
                case .retrySameBytes: next.phases[p] = .ready(again)
                case .reload: next.phases[p] = .again
                case .lost, .unknown: next.phases[p] = .stopped
                }
                return visit(next)
            }
            let wanted = heads[attempt.wanted]
            var readBack = ReadBack(shown, claim: wanted.claim, claimant: wanted.claimant)
            if mistake == .doesNotLookAtTheClaim, case .head(let head, _) = shown { readBack = .mine(head.version) }
            switch verdict(on: readBack, for: wanted.version) {
            case .committed:
                tell(p, attempt, committed: true, &next)
                next.phases[p] = .holding(attempt.wanted, tag: world.tag, commits: next.commits[p])
            case .retrySameBytes: next.phases[p] = world.head == attempt.base ? .ready(again) : .stopped
            case .committedThenFenced:
                tell(p, attempt, committed: true, &next)
                next.phases[p] = .stopped
            case .fenced:
                tell(p, attempt, committed: false, &next)
                next.phases[p] = .stopped
            case .unknown: next.phases[p] = .stopped
            }
            visit(next)
        }

        /// A request arrives, with its answer or without, or is lost.
        private mutating func deliver(_ index: Int, in world: World) {
            let request = world.requests[index]
            var lost = world
            lost.requests.remove(at: index)
            visit(lost)

            let holds = mistake == .swapsWithoutCondition || holds(request, in: world)
            var next = lost
            if holds {
                next.head = request.wanted
                next.tag += 1
                visit(next)  // nobody hears of it
            }
            guard request.isAwaited, case .waiting(let attempt) = world.phases[request.process] else { return }
            if !holds {
                next.phases[request.process] = .asking(attempt)
            } else {
                if !attempt.isClaim { tell(request.process, attempt, committed: true, &next) }
                next.phases[request.process] = .holding(
                    request.wanted, tag: next.tag, commits: attempt.isClaim ? 0 : next.commits[request.process])
            }
            visit(next)
        }

        private func holds(_ request: Request, in world: World) -> Bool {
            request.tag == nil ? world.head == nil : world.head != nil && world.tag == request.tag
        }

        private func tell(_ p: Int, _ attempt: Attempt, committed: Bool, _ world: inout World) {
            let head = heads[attempt.wanted]
            let commit = Commit(version: head.version.rawValue, claim: head.claim.rawValue)
            if committed { world.toldCommitted.insert(commit) } else { world.toldFailed.insert(commit) }
        }

        private func add(_ request: Request, to world: inout World) {
            world.requests.append(request)
            world.requests.sort()
        }
    }

    @Test func noInterleavingOfThreeProcessesBreaksAPromise() {
        var explorer = Explorer(Bounds(processes: 3, commitsEach: 1, attempts: 2), nil)
        explorer.run()
        #expect(explorer.problems.isEmpty)
        #expect(explorer.seen.count > 100_000)
    }

    @Test func noInterleavingOfTwoProcessesThatRepeatBreaksAPromise() {
        var explorer = Explorer(Bounds(processes: 2, commitsEach: 2, attempts: 3), nil)
        explorer.run()
        #expect(explorer.problems.isEmpty)
        #expect(explorer.seen.count > 10_000)
    }

    @Test(arguments: Mistake.allCases)
    func theModelFindsMistakes(_ mistake: Mistake) {
        var explorer = Explorer(Bounds(processes: 3, commitsEach: 1, attempts: 2), mistake)
        explorer.run()
        #expect(!explorer.problems.isEmpty)
        // A loser that overlooks the claim must first be overtaken by a whole claim and commit.
        let bound = mistake == .doesNotLookAtTheClaim ? 14 : 12
        #expect(explorer.steps <= bound, "\(explorer.steps) steps: \(explorer.problems)")
    }
}
