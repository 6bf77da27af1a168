/// A bit of rot in a file at rest: each byte of it flipped in one bit, one after the other.
public enum FlippedBytes {
    /// What is wrong with how the damaged files are read: another answer, an error that is no refusal or names another
    /// file, or hardly any refusal at all. Empty when each is refused by name or changes nothing.
    /// - Parameters:
    ///   - isSame: reads a damaged copy; whether its answer is that of the sound one.
    ///   - refusal: the text of an error that says that the file is not what was written; nil for any other.
    public static func problems(
        of bytes: [UInt8], name: String, isSame: ([UInt8]) async throws -> Bool, refusal: (any Error) -> String?
    ) async -> [String] {
        var problems: [String] = []
        var refusals = 0
        for i in bytes.indices {
            var damaged = bytes
            damaged[i] ^= 1 << UInt8(i % 8)
            do {
                if try await !isSame(damaged) { problems.append("byte \(i) changed the answer") }
            } catch {
                let text = refusal(error)
                if text?.contains(name) != true { problems.append("byte \(i): \(error)") }
                refusals += 1
            }
        }
        if refusals <= bytes.count / 2 { problems.append("\(refusals) of \(bytes.count) were refused") }
        return problems
    }
}
