import Columnar
public import StorageEngine

/// Everything that a snapshot holds, by whole scans; or everything that it should hold.
public struct Contents: Equatable, Sendable {
    /// Bits of the values.
    var samples: [SampleKey: UInt64] = [:]
    /// Numbers of the writes, oldest first.
    var events: [SampleKey: [Int]] = [:]
    var notes: [String: String?] = [:]
    /// Keys that a scan gave twice, or out of order, or outside of their segment.
    var oddities: [String] = []

    init() {}

    public init(of snapshot: Snapshot) async throws {
        try await scanTimes(snapshot, table: 1) { contents, key, last, value in
            if let last, key <= last { contents.oddities.append("sample \(key) after \(last)") }
            contents.samples[key] = value.bitPattern
        }
        try await scanTimes(snapshot, table: 3) { contents, key, last, value in
            if let last, key < last { contents.oddities.append("event \(key) after \(last)") }
            contents.events[key, default: []].append(Int(value))
        }
        for segment in snapshot.segments(of: 2, overlapping: .min ... .max) {
            let scan = snapshot.scan(ScanRequest(table: 2, segment: segment))
            while let batch = try await scan.next() {
                for row in 0..<batch.rowCount {
                    let isThere = batch.columns[1].validity?[row] ?? true
                    let name = String(decoding: batch.columns[0].byteStrings[row], as: UTF8.self)
                    let text = isThere ? String(decoding: batch.columns[1].byteStrings[row], as: UTF8.self) : nil
                    if notes.updateValue(text, forKey: name) != nil { oddities.append("note \(name) twice") }
                }
            }
        }
    }

    private mutating func scanTimes(
        _ snapshot: Snapshot, table: UInt16, _ take: (inout Contents, SampleKey, SampleKey?, Double) -> Void
    ) async throws {
        for segment in snapshot.segments(of: table, overlapping: .min ... .max) {
            let scan = snapshot.scan(ScanRequest(table: table, segment: segment))
            var last: SampleKey?
            while let batch = try await scan.next() {
                for row in 0..<batch.rowCount {
                    let key = SampleKey(id: batch.columns[0].int64s[row], time: batch.columns[1].int64s[row])
                    if !segment.contains(key.time) { oddities.append("\(key) in segment \(segment)") }
                    take(&self, key, last, batch.columns[2].float64s[row])
                    last = key
                }
            }
        }
    }

    mutating func apply(_ write: NumberedWrite) {
        for (key, value) in write.samples { samples[key] = value.bitPattern }
        for key in write.events { events[key, default: []].append(write.number) }
        for (name, text) in write.notes { notes[name] = .some(text) }
    }

    /// Numbers of the writes whose mark is in the notes: those have no time, so they outlast every retention.
    var writes: Set<Int> {
        Set(
            notes.keys.compactMap {
                $0.hasPrefix(NumberedWrite.markerName) ? Int($0.dropFirst(NumberedWrite.markerName.count)) : nil
            })
    }

    /// How these differ from what was expected, given what retention has to show and to hide.
    func differences(from expected: Contents, _ retained: Retained) -> [String] {
        var problems = Self.differences(expected.samples, samples, "sample", retained)
        problems += Self.differences(expected.events, events, "event", retained)
        for (name, text) in expected.notes where notes[name] != .some(text) {
            problems.append(notes[name] == nil ? "note \(name) is missing" : "note \(name) has another text")
        }
        for name in notes.keys where expected.notes[name] == nil { problems.append("note \(name) is invented") }
        return problems.sorted()
    }

    private static func differences<Value: Equatable>(
        _ expected: [SampleKey: Value], _ found: [SampleKey: Value], _ what: String, _ retained: Retained
    ) -> [String] {
        var problems: [String] = []
        for (key, value) in expected where found[key] != value {
            if found[key] != nil {
                problems.append("\(what) \(key) has another value")
            } else if key.time >= retained.shown {
                problems.append("\(what) \(key) is missing")
            }
        }
        for key in found.keys {
            if expected[key] == nil { problems.append("\(what) \(key) is invented") }
            if key.time < retained.hidden { problems.append("\(what) \(key) is past retention") }
        }
        return problems
    }
}

/// What retention has to show and to hide at one moment; between the two it may do either.
public struct Retained: Sendable {
    /// From this time on every row is there.
    var shown = Int64.min
    /// Before this time none is.
    var hidden = Int64.min

    public static let everything = Retained()

    /// - Parameters:
    ///   - opened: when the region was opened, by its clock: from then on what was past retention is hidden.
    ///   - looked: when the snapshot was taken.
    ///   - keepsUp: retention moves on in the background, at most this much late.
    static func of(_ retention: Duration?, opened: Int64, looked: Int64, keepsUp late: Int64?) -> Retained {
        guard let seconds = retention?.components.seconds else { return .everything }
        let hidden = late.map { max(opened, looked - $0) } ?? opened
        return Retained(shown: looked - seconds * 1_000, hidden: hidden - seconds * 1_000)
    }
}
