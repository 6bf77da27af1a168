import Bodies
import FuzzDriver

@main struct FuzzRegex {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.regex([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
