import Columnar
import ObjectStorage
import Platform
import Testing

@testable import ManifestLog

/// What the head's register (`HeadModelTests`) leaves out, modelled exhaustively: objects that are put before the head
/// names them and deleted after it does so no longer; openers that read step by step while others commit, fold and
/// collect; collectors that stall between any two deletions. Three processes; each get, put, swap and deletion is a step.
///
/// Safe means, in every state that can be reached: what the head names is there, an opener never takes a moving head for
/// damage, what was acknowledged is in the manifest, and nobody holds what a newer claim has taken and commits.
struct RecoveryModelTests {
    /// A delta and the SST that it adds share a version and a claim: one commit.
    struct Name: Hashable, Comparable {
        enum Kind: Int { case sst, delta, snapshot }
        var kind: Kind
        var version: UInt64
        var claim: UInt64
        static func < (a: Name, b: Name) -> Bool {
            (a.kind.rawValue, a.version, a.claim) < (b.kind.rawValue, b.version, b.claim)
        }
    }

    /// What a head or a snapshot stands for.
    typealias Commits = Set<Name>

    enum Phase: Hashable {
        case fresh
        /// The head as it was got, and what of it is still to be read.
        case reading(Head?, tag: Int, left: [Name])
        /// With the live SSTs, as it knows them from its reading and its own commits.
        case holding(Head, tag: Int, live: Commits)
        /// The objects are there, the swap is not yet made.
        case swapping(Head, base: Int, live: Commits)
        /// Unnamed objects, listed; they go one by one.
        case collecting(Head, tag: Int, live: Commits, doomed: [Name])
        case stopped
    }

    struct World: Hashable {
        var head: Head?
        var tag = 0
        /// Live SSTs by object: a delta has its own, a snapshot all.
        var objects: [Name: Commits] = [:]
        var phases: [Phase] = []
        var commits: [Int] = []
        var folds: [Int] = []
        var collections: [Int] = []
        var acknowledged: Commits = []
    }

    enum Mistake: CaseIterable { case collectsNewerClaims, collectsBeforeTheSwap, claimsWhateverTheHeadSays }

    struct Explorer {
        let mistake: Mistake?
        let processes = 3
        var seen: Set<World> = []
        var layer: [World] = []
        var next: [World] = []
        var steps = 0
        var problems: [String] = []

        init(_ mistake: Mistake?) { self.mistake = mistake }

        /// Breadth first: `steps` is the length of the shortest way to a problem.
        mutating func run() {
            let none = Array(repeating: 0, count: processes)
            visit(
                World(
                    phases: Array(repeating: .fresh, count: processes), commits: none, folds: none, collections: none))
            while !next.isEmpty, problems.isEmpty {
                (layer, next) = (next, [])
                steps += 1
                for world in layer {
                    for process in 0..<processes { step(process, world) }
                    if !problems.isEmpty { return }
                }
            }
        }

        private mutating func visit(_ world: World) {
            guard seen.insert(world).inserted else { return }
            if let head = world.head {
                problems += head.problems()
                let named = Self.names(head)
                if !named.isSubset(of: world.objects.keys) { problems.append("the head names what is gone") }
                if named.isSubset(of: world.objects.keys) {
                    let live = Self.commits(of: head, in: world)
                    if !world.acknowledged.isSubset(of: live) { problems.append("an acknowledged commit is lost") }
                    if !live.isSubset(of: world.objects.keys) { problems.append("a live SST is gone") }
                }
            }
            next.append(world)
        }

        // MARK: What heads and objects mean

        private static func names(_ head: Head) -> Set<Name> {
            var names = Set(
                head.deltas.map { Name(kind: .delta, version: $0.version.rawValue, claim: $0.claim.rawValue) })
            for snapshot in [head.current, head.previous].compactMap({ $0 }) {
                names.insert(
                    Name(kind: .snapshot, version: snapshot.version.rawValue, claim: snapshot.claim.rawValue))
            }
            return names
        }

        /// What an opener reads: the current snapshot and the deltas after it.
        private static func needed(_ head: Head) -> [Name] {
            var names = head.unfolded.map {
                Name(kind: .delta, version: $0.version.rawValue, claim: $0.claim.rawValue)
            }
            if let current = head.current {
                names.append(Name(kind: .snapshot, version: current.version.rawValue, claim: current.claim.rawValue))
            }
            return names.sorted()
        }

        private static func commits(of head: Head, in world: World) -> Commits {
            needed(head).reduce(into: []) { $0.formUnion(world.objects[$1] ?? []) }
        }

        // MARK: Steps

        private mutating func step(_ p: Int, _ world: World) {
            switch world.phases[p] {
            case .stopped: return
            case .fresh:
                // Processes are alike: they begin in order.
                guard p == 0 || world.phases[p - 1] != .fresh else { return }
                move(p, world, to: .reading(world.head, tag: world.tag, left: world.head.map(Self.needed) ?? []))
            case .reading(let head, let tag, let left):
                if let name = left.first {
                    read(p, world, name, head, tag, left)
                } else {
                    claim(p, world, head, tag)
                }
            case .holding(let head, let tag, let live): hold(p, world, head, tag, live)
            case .swapping(let wanted, let base, let live): swap(p, world, wanted, base, live)
            case .collecting(let head, let tag, let live, let doomed):
                guard let name = doomed.first else { return move(p, world, to: .holding(head, tag: tag, live: live)) }
                var next = world
                next.objects[name] = nil
                move(p, next, to: .collecting(head, tag: tag, live: live, doomed: Array(doomed.dropFirst())))
            }
        }

        private mutating func move(_ p: Int, _ world: World, to phase: Phase) {
            var next = world
            next.phases[p] = phase
            visit(next)
        }

        private mutating func read(
            _ p: Int, _ world: World, _ name: Name, _ head: Head?, _ tag: Int, _ left: [Name]
        ) {
            if world.objects[name] != nil {
                move(p, world, to: .reading(head, tag: tag, left: Array(left.dropFirst())))
            } else if world.tag == tag {
                problems.append("an opener finds damage: \(name) is named and gone")
            } else {
                // A name that is gone means: get the head again.
                move(p, world, to: .reading(world.head, tag: world.tag, left: world.head.map(Self.needed) ?? []))
            }
        }

        private mutating func claim(_ p: Int, _ world: World, _ head: Head?, _ tag: Int) {
            let claimed: Head
            if let head {
                guard let next = head.claimed(by: UInt64(p)) else { return }
                claimed = next
            } else {
                claimed = Head(version: .zero, claim: .init(1), claimant: UInt64(p))
            }
            guard world.tag == tag || mistake == .claimsWhateverTheHeadSays else {
                // The holder has committed, or another has claimed: from the beginning, or not at all.
                let isReload = world.head?.claim == head?.claim && world.head?.claimant == head?.claimant
                let again = Phase.reading(world.head, tag: world.tag, left: world.head.map(Self.needed) ?? [])
                return move(p, world, to: isReload ? again : .stopped)
            }
            var next = world
            next.head = claimed
            next.tag += 1
            let live = head.map { Self.commits(of: $0, in: world) } ?? []
            next.phases[p] = .holding(claimed, tag: next.tag, live: live)
            visit(next)
        }

        private mutating func hold(_ p: Int, _ world: World, _ head: Head, _ tag: Int, _ live: Commits) {
            let version = ManifestVersion(head.version.rawValue + 1)
            let reference = ObjectReference(version: version, claim: head.claim, bytes: [], written: 0)
            if world.commits[p] < 1 {
                var next = world
                next.commits[p] += 1
                let sst = Name(kind: .sst, version: version.rawValue, claim: head.claim.rawValue)
                next.objects[sst] = [sst]
                next.objects[Name(kind: .delta, version: version.rawValue, claim: head.claim.rawValue)] = [sst]
                move(p, next, to: .swapping(head.adding(reference), base: tag, live: live.union([sst])))
            }
            if world.folds[p] < 1, !head.unfolded.isEmpty {
                var next = world
                next.folds[p] += 1
                next.objects[Name(kind: .snapshot, version: version.rawValue, claim: head.claim.rawValue)] = live
                let folded = head.folded(into: reference)
                if mistake == .collectsBeforeTheSwap {
                    for name in Self.names(head).subtracting(Self.names(folded)).union(
                        head.deltas.map { Name(kind: .delta, version: $0.version.rawValue, claim: $0.claim.rawValue) })
                    { next.objects[name] = nil }
                }
                move(p, next, to: .swapping(folded, base: tag, live: live))
            }
            if world.collections[p] < 1 {
                var next = world
                next.collections[p] += 1
                move(p, next, to: .collecting(head, tag: tag, live: live, doomed: doomed(head, live, world)))
            }
        }

        /// Rule R4: what the holder's own head does not name, of older claims and of its own, of newer claims never.
        private func doomed(_ head: Head, _ live: Commits, _ world: World) -> [Name] {
            let kept = Self.names(head).union(live)
            return world.objects.keys.filter { name in
                !kept.contains(name) && (name.claim <= head.claim.rawValue || mistake == .collectsNewerClaims)
            }.sorted()
        }

        private mutating func swap(_ p: Int, _ world: World, _ wanted: Head, _ base: Int, _ live: Commits) {
            var next = world
            guard world.tag == base else { return move(p, next, to: .stopped) }  // fenced, and it knows
            next.head = wanted
            next.tag += 1
            let silent = next
            for delta in wanted.deltas where delta.claim == wanted.claim {
                next.acknowledged.insert(
                    Name(kind: .sst, version: delta.version.rawValue, claim: delta.claim.rawValue))
            }
            move(p, next, to: .holding(wanted, tag: next.tag, live: live))
            // It took effect and nobody heard of it: the process asks, or dies.
            move(p, silent, to: .stopped)
        }
    }

    @Test func whateverIsReadSwappedOrCollectedInBetweenNothingIsLost() {
        var explorer = Explorer(nil)
        explorer.run()
        #expect(explorer.problems.isEmpty, "\(explorer.problems) after \(explorer.steps) steps")
        #expect(explorer.seen.count > 10_000)
    }

    @Test(arguments: Mistake.allCases)
    func aMistakeIsFoundWithinTwelveSteps(_ mistake: Mistake) {
        var explorer = Explorer(mistake)
        explorer.run()
        #expect(!explorer.problems.isEmpty)
        #expect(explorer.steps <= 12, "\(explorer.problems.first ?? "") after \(explorer.steps) steps")
    }
}
