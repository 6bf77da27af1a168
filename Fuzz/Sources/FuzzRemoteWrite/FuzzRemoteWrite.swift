import Bodies
import FuzzDriver

@main struct FuzzRemoteWrite {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.remoteWrite([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
