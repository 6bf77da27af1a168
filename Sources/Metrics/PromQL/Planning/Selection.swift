import MetricModel

/// What one selector of a query needs from storage: both times included.
struct SelectorNeed {
    let matchers: [LabelMatcher]
    var start: Int64
    var end: Int64
    /// Whether it looks at one time only: then the newest sample of each series is all it needs.
    var newestOnly = false
    /// Whether it matters in which order series come.
    var isOrdered = true
    /// Length of the windows that are looked through at each step, milliseconds; 0: none are.
    var window: Int64 = 0
    /// Samples without series around them do.
    var takesVector: Bool { newestOnly && !isOrdered }
}

/// Which fetches answer all selectors of a query.
///
/// Selectors with the same matchers share one fetch when their times overlap or touch; those far apart
/// (`x - x offset 1w`) keep their own, since reading the week between would cost more than a second look-up.
struct Selection {
    private(set) var fetches: [SelectorNeed] = []
    /// Fetch of each selector, by slot.
    private(set) var fetchOfSlot: [Int] = []

    init(needs: [SelectorNeed]) {
        fetchOfSlot = [Int](repeating: 0, count: needs.count)
        let order = needs.indices.sorted { (needs[$0].start, $0) < (needs[$1].start, $1) }
        for slot in order {
            let need = needs[slot]
            let shared = fetches.firstIndex { fetch in
                fetch.matchers == need.matchers && need.start <= fetch.end &+ 1
            }
            if let shared {
                if need.isOrdered { fetches[shared].isOrdered = true }
                if fetches[shared].start != need.start || fetches[shared].end != need.end || !need.newestOnly {
                    fetches[shared].newestOnly = false
                }
                fetches[shared].end = max(fetches[shared].end, need.end)
                fetchOfSlot[slot] = shared
            } else {
                fetchOfSlot[slot] = fetches.count
                fetches.append(need)
            }
        }
    }
}

/// What a fetch brought: series with their samples, or one sample of each.
struct Fetched: Sendable {
    var runs: [SeriesRun] = []
    var vector: NewestVector?
    var series: Int { vector?.count ?? runs.count }
}
