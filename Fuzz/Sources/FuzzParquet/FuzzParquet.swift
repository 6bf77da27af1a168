import Bodies
import FuzzDriver

@main struct FuzzParquet {
    static func main() {
        runFuzzer { start, count in
            FuzzBody.parquet([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
