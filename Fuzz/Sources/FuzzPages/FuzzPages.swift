import Bodies
import FuzzDriver

@main struct FuzzPages {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.pages([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
