import Bodies
import FuzzDriver

@main struct FuzzParameters {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.parameters([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
