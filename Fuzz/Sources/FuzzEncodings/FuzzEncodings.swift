import Bodies
import FuzzDriver

@main struct FuzzEncodings {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.encodings([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
