import Bodies
import FuzzDriver

@main struct FuzzJSON {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.json([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
