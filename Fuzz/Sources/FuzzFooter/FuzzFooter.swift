import Bodies
import FuzzDriver

@main struct FuzzFooter {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.footer([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
