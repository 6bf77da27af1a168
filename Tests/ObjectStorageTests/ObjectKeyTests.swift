import ObjectStorage
import Testing

struct ObjectKeyTests {
    @Test(arguments: [
        "", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../a", "a/./b", "a b", "a\n", "a\0", "ü", "a%2e", "~t",
        String(repeating: "a", count: 1_025),
    ])
    func whatIsNoKeyIsRefused(_ path: String) { #expect(ObjectKey(path) == nil) }

    @Test(arguments: ["a", "a/b", "...", ".a", "a=b/c_d-e.f", String(repeating: "a", count: 1_024)])
    func whatIsAKeyIsAccepted(_ path: String) { #expect(ObjectKey(path)?.path == path) }
}
