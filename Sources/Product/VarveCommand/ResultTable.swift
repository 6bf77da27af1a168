import MetricModel
import Platform
import PromQL
import VarveServer

/// A query's answer for people: one line per sample.
enum ResultTable {
    static func write(_ value: QueryValue) {
        switch value {
        case .scalar(_, let value): Terminal.print(DecimalText.string(value))
        case .string(_, let text): Terminal.print(QuotedText.escape(text))
        case .vector(let samples):
            write(samples.map { [QuotedText.series($0.labels), DecimalText.string($0.value)] })
        case .matrix(let series) where Terminal.isInteractive: plot(series)
        case .matrix(let series):
            for (index, run) in series.enumerated() {
                if index > 0 { Terminal.print("") }
                Terminal.print(QuotedText.series(run.labels))
                write(
                    zip(run.timestamps, run.values).map {
                        ["  " + TimeText.rfc3339($0), DecimalText.string($1)]
                    })
            }
        }
    }

    /// On a terminal the shape; a pipe, CSV and JSON have every number.
    private static func plot(_ series: [ResultSeries]) {
        let times = series.flatMap { [$0.timestamps.first, $0.timestamps.last] }.compactMap { $0 }
        guard let first = times.min(), let last = times.max() else { return }
        Terminal.print("\(TimeText.rfc3339(first)) … \(TimeText.rfc3339(last))")
        for run in series {
            let finite = run.values.filter { $0.isFinite }
            let numbers = [("min", finite.min()), ("max", finite.max()), ("last", run.values.last)].map {
                "\($0) \($1.map { DecimalText.string($0) } ?? "none")"
            }
            Terminal.print("")
            Terminal.print(QuotedText.series(run.labels))
            Terminal.print(
                "  \(RangePlot.line(run, first: first, last: last, width: 60))  \(numbers.joined(separator: "  "))")
        }
    }

    /// Columns padded to their widest cell; the last is left as it is.
    static func write(_ rows: [[String]]) {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            Terminal.print(line)
        }
    }
}

/// A query's answer for programs: a column per label, then time and value.
enum ResultCSV {
    static func write(_ value: QueryValue) {
        switch value {
        case .scalar(let time, let value):
            line(["timestamp", "value"])
            line([TimeText.rfc3339(time), DecimalText.string(value)])
        case .string(let time, let text):
            line(["timestamp", "value"])
            line([TimeText.rfc3339(time), text])
        case .vector(let samples):
            let names = header(samples.map(\.labels))
            for sample in samples {
                line(
                    cells(names, sample.labels) + [
                        TimeText.rfc3339(sample.timestamp), DecimalText.string(sample.value),
                    ])
            }
        case .matrix(let series):
            let names = header(series.map(\.labels))
            for run in series {
                let labels = cells(names, run.labels)
                for (time, value) in zip(run.timestamps, run.values) {
                    line(labels + [TimeText.rfc3339(time), DecimalText.string(value)])
                }
            }
        }
    }

    /// A column per label, a line per series.
    static func write(_ series: [Labels]) {
        let names = header(series, and: [])
        for labels in series { line(cells(names, labels)) }
    }

    static func write(column: String, _ values: [String]) {
        line([column])
        for value in values { line([value]) }
    }

    private static func header(_ all: [Labels], and others: [String] = ["timestamp", "value"]) -> [String] {
        var seen: Set<String> = []
        for labels in all { for label in labels.labels { seen.insert(label.name) } }
        let names = seen.sorted { $0.precedesByBytes($1) }
        line(names + others)
        return names
    }

    private static func cells(_ names: [String], _ labels: Labels) -> [String] { names.map { labels[$0] ?? "" } }

    /// RFC 4180: quoted where a comma, a quote or a line end would be misread.
    private static func line(_ cells: [String]) {
        let quoted = cells.map { cell in
            let isPlain = !cell.utf8.contains { $0 == 0x2c || $0 == 0x22 || $0 == 0x0a || $0 == 0x0d }
            return isPlain
                ? cell
                : "\"\(cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
        }
        Terminal.print(quoted.joined(separator: ","))
    }
}
