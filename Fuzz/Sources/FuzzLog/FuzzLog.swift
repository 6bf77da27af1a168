import Bodies
import FuzzDriver

@main struct FuzzLog {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.log([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
