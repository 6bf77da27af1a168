#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The process's environment variables.
enum ProcessVariables {
    static var all: [String: String] { ProcessInfo.processInfo.environment }
}
