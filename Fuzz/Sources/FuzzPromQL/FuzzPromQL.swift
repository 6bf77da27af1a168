import Bodies
import FuzzDriver

@main struct FuzzPromQL {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.promQL([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
