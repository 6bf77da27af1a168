import Glibc
import PromQL
import Testing

/// Texts made to break a parser end in an error, quickly and on a small stack.
@Suite struct HostileQueryTests {
    private final class Work: @unchecked Sendable {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    /// Runs `body` on a thread with 512 KiB of stack.
    private func onSmallStack(_ body: @escaping () -> Void) throws {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        try #require(pthread_attr_setstacksize(&attributes, 512 << 10) == 0)
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body))
        let result = pthread_create(
            &thread, &attributes,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        try #require(result == 0)
        pthread_join(thread, nil)
        pthread_attr_destroy(&attributes)
    }

    private final class Outcome: @unchecked Sendable {
        var text = "not run"
    }

    private func outcome(_ query: String, _ options: QueryOptions = .init()) throws -> String {
        let outcome = Outcome()
        try onSmallStack {
            do {
                let parsed = try PromQLParser.parse(query, options: options)
                outcome.text = "parsed \(PromQLPrinter.print(parsed).utf8.count > 0)"
            } catch {
                outcome.text = (error as? ParseError)?.reason ?? "\(error)"
            }
        }
        return outcome.text
    }

    private var withoutLengthLimit: QueryOptions {
        var options = QueryOptions()
        options.maximumQueryLength = 1 << 30
        return options
    }

    @Test(arguments: [
        "(", "-", "a+", "{", "a[", "a[(", "sum(", "rate(", "a offset -", "a offset (", "a[5m:] ", "a @ ", "2^", "a or ",
        "-(", "(-", "sum by (a) (", "a[-", "a[1+", "a[2^", "a[min_of(", "\"", "\\", "a{b=~\"", "[", "]", ")", "#",
        "a{b,",
        "1 + (2 * (", "((((a)", "1 or 1 and 1 == 1 + 1 * 1 ^ (",
    ])
    func aHundredThousandOfAnything(part: String) throws {
        let query = String(repeating: part, count: 100_000)
        let refused = try outcome(query, withoutLengthLimit)
        // A mere comment is an empty query.
        #expect(!refused.hasPrefix("parsed"))
        #expect(try outcome(query).contains("longer than the limit"))
    }

    @Test func nestingIsTakenUpToTheBound() throws {
        let depth = QueryOptions().maximumDepth
        func nested(_ open: String, _ count: Int, _ close: String) -> String {
            String(repeating: open, count: count) + "a" + String(repeating: close, count: count)
        }
        #expect(try outcome(nested("(", depth - 1, ")")).hasPrefix("parsed"))
        #expect(try outcome(nested("(", depth, ")")).contains("nested more than"))
        #expect(try outcome(nested("sum(", depth - 1, ")")).hasPrefix("parsed"))
        #expect(try outcome(nested("-", depth, "")).hasPrefix("parsed"))
        #expect(try outcome(nested("-", depth + 1, "")).contains("nested more than"))
        #expect(try outcome(nested("abs(-(1 + ", depth / 4, "))")).hasPrefix("parsed"))
    }

    @Test func longChainsAreTakenUpToTheBound() throws {
        // The first operator's right side is a level, eight further operators are one.
        let most = (QueryOptions().maximumDepth - 1) * 8 + 1
        #expect(try outcome("a" + String(repeating: " or a", count: most)).hasPrefix("parsed"))
        #expect(try outcome("a" + String(repeating: " or a", count: most + 1)).contains("nested more than"))
        #expect(try outcome("2" + String(repeating: "^2", count: 100)).hasPrefix("parsed"))
        #expect(try outcome("2" + String(repeating: "^2", count: 200)).contains("nested more than"))
        #expect(try outcome("a[1" + String(repeating: "+1", count: 32) + "]").hasPrefix("parsed"))
        #expect(try outcome("a[1" + String(repeating: "+1", count: 33) + "]").contains("operators"))
    }

    @Test func regularExpressionsAreBoundedTogether() throws {
        func query(_ pattern: String, _ count: Int) -> String {
            "{a=\"b\"," + (0..<count).map { _ in "c=~\"\(pattern)\"" }.joined(separator: ",") + "}"
        }
        #expect(try outcome(query("x.*y", 2_000)).hasPrefix("parsed"))
        #expect(try outcome(query(".{100}", 500)).hasPrefix("parsed"))
        #expect(try outcome(query(".{1000}", 2_000)).contains("too costly"))
        #expect(try outcome(query("\\\\pL{200}", 2)).contains("too costly"))
    }

    @Test(arguments: [
        "a NAME", "NAME(1)", "sum by (a NAME) (b)", "a[NAME]", "a{b=NAME}", "NAME{__name__=\"x\"}", "1NAME",
        "a or NAME(1)",
    ])
    func messagesEchoOnlyTheBeginningOfLongWords(form: String) throws {
        let parts = form.split(separator: "NAME", omittingEmptySubsequences: false).map(String.init)
        let refused = try outcome(parts.joined(separator: String(repeating: "x", count: 60_000)))
        #expect(!refused.hasPrefix("parsed") && refused.utf8.count < 400)
    }

    @Test func tokensAreBounded() throws {
        let labels = (0..<4_000).map { "l\($0)" }.joined(separator: ",")
        #expect(try outcome("sum by (\(labels)) (a)", withoutLengthLimit).hasPrefix("parsed"))
        let more = (0..<6_000).map { "l\($0)" }.joined(separator: ",")
        #expect(try outcome("sum by (\(more)) (a)", withoutLengthLimit) == "query has more than 10000 tokens")
    }
}
