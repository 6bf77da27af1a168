import Bodies
import FuzzDriver

@main struct FuzzBucket {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.bucket([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
