import Bodies
import FuzzDriver

@main struct FuzzManifest {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.manifest([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
