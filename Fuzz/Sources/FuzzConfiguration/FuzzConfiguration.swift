import Bodies
import FuzzDriver

@main struct FuzzConfiguration {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.configuration([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
