import FuzzDriver
import PromQL

/// Any text is parsed or refused; what was parsed is printed, and the print means the same.
@main struct FuzzPromQL {
    static func main() {
        runFuzzer { start, count in
            let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
            var options = QueryOptions()
            options.enableExperimentalFunctions = true
            guard let parsed = try? PromQLParser.parse(text, options: options) else { return 0 }
            let printed = PromQLPrinter.print(parsed)
            // A print may be longer than the text it came from.
            options.maximumQueryLength = 1 << 30
            options.maximumTokens = 1 << 30
            do {
                let again = PromQLPrinter.print(try PromQLParser.parse(printed, options: options))
                precondition(again == printed, "printed once as \(printed), then as \(again)")
            } catch {
                preconditionFailure("\(printed) is not parsed: \(error)")
            }
            return 0
        }
    }
}
