import Bodies
import FuzzDriver

@main struct FuzzCompression {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.compression([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
