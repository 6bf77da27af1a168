/// libFuzzer's loop, which Swift's own `main` calls.
@_silgen_name("LLVMFuzzerRunDriver")
private func drive(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: FuzzedTest
) -> CInt

/// What is called with every input: 0 for 'go on'. A broken promise ends the process, which libFuzzer notes.
public typealias FuzzedTest = @convention(c) (_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt

/// Reads libFuzzer's options from the command line and runs `test` until they say stop.
public func runFuzzer(_ test: FuzzedTest) {
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    withUnsafeMutablePointer(to: &arguments) { arguments in _ = drive(&count, arguments, test) }
}
