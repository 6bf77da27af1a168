import Bodies
import CFuzzer

@main
struct FuzzParquet {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        _ = LLVMFuzzerRunDriver(&count, &arguments) { start, count in
            FuzzBody.parquet([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
}
