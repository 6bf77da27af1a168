/// Which way a question takes, told from the index without reading samples: before the first thread is woken for it.
extension PrometheusAPI {
    /// Texts that are parsed where a question was read: tens of microseconds.
    private static let longestTextHere = 4 << 10

    /// A question that cannot be told from others, or is none, takes the way of its kind: what is wrong with it is said there.
    func lane(of route: Route, _ request: APIRequest) -> QueryLanes.Lane {
        let isQuery = route == .query || route == .queryRange
        let usual: QueryLanes.Lane = isQuery ? .quick : .labels
        guard request.query.utf8.count + request.body.count <= Self.longestTextHere, database.isReady,
            let form = try? parameters(of: request)
        else { return usual }
        switch route {
        case .query: return (try? instantParameters(form)).map { lane(of: $0) } ?? usual
        case .queryRange: return (try? rangeParameters(form)).map { lane(of: $0) } ?? usual
        case .labels, .labelValues, .series:
            guard let asked = try? SeriesParameters(form, defaults: options.queryOptions) else { return usual }
            return QueryLanes.lane(
                labelsOf: database.labelReach(matchers: asked.selectors, start: asked.start, end: asked.end),
                isWritten: route == .series)
        default: return usual
        }
    }

    func lane(of asked: InstantQueryParameters) -> QueryLanes.Lane {
        lane(
            reach: database.reach(
                of: asked.expression, start: asked.time, end: asked.time, step: nil, options: asked.common.options))
    }

    func lane(of asked: RangeQueryParameters) -> QueryLanes.Lane {
        lane(
            reach: database.reach(
                of: asked.expression, start: asked.start, end: asked.end, step: asked.step,
                options: asked.common.options))
    }

    private func lane(reach: Int?) -> QueryLanes.Lane {
        let lane = QueryLanes.lane(reach: reach)
        // Fresh samples are put in order by whoever asks first.
        return lane == .here && database.unsortedSamples > QueryLanes.reachHere ? .quick : lane
    }
}
