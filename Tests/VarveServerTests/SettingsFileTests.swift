import Platform
import Testing

@testable import VarveServer

@Suite struct SettingsFileTests {
    private func file(_ text: String) -> SettingsFile { SettingsFile(path: "varve.yml", bytes: Array(text.utf8)) }

    @Test func aFileCountsAfterFlagsAndEnvironment() throws {
        let settings = try ServeSettings(
            flags: ["flush-age": "1m"], environment: ["VARVE_FLUSH_SIZE": "2MiB"],
            file: file(
                "flush-age: 2m\nflush-size: 3MiB\nretention: 90d\nquery:\n  timeout: 7s\nweb: {max-body: 1MiB}\n"))
        #expect(settings.flushAge == .seconds(60))
        #expect(settings.flushSize == .mebibytes(2))
        #expect(settings.retention == .seconds(90 * 86_400))
        #expect(settings.queryTimeout == .seconds(7))
        #expect(settings.web.body == .mebibytes(1))
    }

    @Test func everythingThatIsWrongIsToldAtOnceWithItsLine() {
        let error = #expect(throws: InvalidSettings.self) {
            try ServeSettings(
                flags: ["durability": "never"], environment: ["VARVE_LISEN": ":1"],
                file: file("retenton: 1d\nflush-age: [1, 2]\nflush-size: huge\nquery:\n  timeout: 9y\n  timout: 1s\n"))
        }
        #expect(
            error?.problems == [
                "unknown environment variable VARVE_LISEN; did you mean VARVE_LISTEN?",
                "varve.yml, line 1: unknown key \"retenton\"; did you mean retention?",
                "varve.yml, line 2: \"flush-age\" is a list; use one value",
                "varve.yml, line 6: unknown key \"query.timout\"; did you mean query.timeout?",
                "flush-size (varve.yml, line 3) is \"huge\"; use 1MiB … 4GiB",
                "--durability is \"never\"; use always, interval or os",
                "query.timeout (varve.yml, line 5) is \"9y\"; use a length of time up to 1d, as in 2m",
            ])
    }

    @Test(arguments: [
        ("a: 1\na: 2", "line 2"), ("x: &a 1\ny: *a", "aliases"), ("a: {", "no YAML"), ("- a", "list"),
        ("text", "NAME: VALUE"),
        ("a: 1\n---\nb: 2", "second document"), ("\"a\\0b\": 1", "zero byte"), ("? [a]\n: b", "no plain text"),
        ("config: other.yml", "unknown key"), ("\u{1}", "no YAML"), ("flush-age: 1m\nflush: {age: 1m}", "flush.age"),
        ("query.timeout: 1s\nquery: {timeout: 1s}", "stands here again"), ("a: 'b", "no YAML"), ("\ta: b", "no YAML"),
        ("a: !!binary x", "unknown key"), ("%YAML 9.9\n---\na: b", "no YAML"), ("{{{{{{}}}}}}", "no plain text"),
    ])
    func whatIsNoConfigurationIsRefusedWithItsLine(text: String, expected: String) {
        let problems = file(text).problems
        #expect(problems.contains { $0.contains(expected) }, "\(problems)")
        #expect(problems.allSatisfy { $0.hasPrefix("varve.yml, line ") }, "\(problems)")
    }

    @Test func depthSizeAndCountAreBounded() {
        let deep = String(repeating: "{a: ", count: 5_000)
        #expect(file(deep).problems.first?.contains("levels deep") == true)
        let lists = String(repeating: "[", count: 50_000)
        #expect(file("a: " + lists).problems.count == 1)
        let many = "a: [" + String(repeating: "1,", count: 20_000) + "1]"
        #expect(file(many).problems.first?.contains("more than 10000 keys") == true)
        #expect(file(String(repeating: "#", count: 300_000)).problems.first?.contains("at most 262144") == true)
    }

    @Test(arguments: ["", "# nothing", "---", "---\n...\n", "~", "{}", "\u{feff}retention: 1d"])
    func aFileThatSaysNothingWrongIsFine(text: String) throws {
        _ = try ServeSettings(flags: [:], environment: [:], file: file(text))
    }

    @Test func everySettingButTheFileItselfCanStandInIt() {
        for name in ServeSettings.namesInFile {
            #expect(!file("\(name): x").problems.contains { $0.contains("unknown") })
        }
        #expect(Set(ServeSettings.namesInFile).union(["config"]) == Set(ServeSettings.names))
    }

    @Test(
        arguments: [
            (nil, 16 << 30, 10_307_921_510), (256 << 20, 16 << 30, 256 << 20), (1 << 20, 1 << 30, 64 << 20),
            (nil, 0, 64 << 20),
        ] as [(Int?, Int, Int)])
    func memoryIsSharedOut(wanted: Int?, machine: Int, limit: Int) {
        let plan = MemoryPlan(wanted: wanted.map { ByteCount($0) }, machine: machine)
        #expect(abs(plan.limit.bytes - limit) < 1 << 20)
        let parts = plan.rows.bytes + plan.bodies.bytes + plan.merges.bytes
        #expect(parts <= plan.limit.bytes / 2)
        #expect(plan.caches.bytes <= min(plan.limit.bytes / 8, 320 << 20))
        #expect(plan.query(concurrency: 4).bytes * 4 <= max(plan.limit.bytes / 2, 64 << 20))
        #expect(plan.flushSize(wanted: nil).bytes * 2 <= plan.rows.bytes)
    }
}
