import Bodies
import FuzzDriver

@main struct FuzzMatchers {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.matchers([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
