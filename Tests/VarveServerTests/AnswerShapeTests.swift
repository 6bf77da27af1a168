import MetricModel
import PromQL
import Testing

@testable import VarveServer

@Suite struct AnswerShapeTests {
    private func text(_ result: QueryResult) -> String {
        var pieces = QueryAnswerPieces(result)
        var bytes: [UInt8] = []
        while let piece = pieces.next() { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func scalar() {
        #expect(
            text(QueryResult(value: .scalar(timestamp: 4_000, value: 2)))
                == #"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#)
    }

    @Test func string() {
        #expect(
            text(QueryResult(value: .string(timestamp: 1_500, value: "a\"\n\u{1}é")))
                == #"{"status":"success","data":{"resultType":"string","result":[1.500,"a\"\n\u0001é"]}}"#)
    }

    @Test func vectorWithRemarks() {
        let samples = [
            ResultSample(
                labels: Labels([("__name__", "up"), ("job", "a\\b")]), timestamp: 1_435_781_430_781, value: 1),
            ResultSample(labels: .empty, timestamp: -1, value: .nan),
            ResultSample(labels: .empty, timestamp: -1_500, value: -.infinity),
        ]
        #expect(
            text(QueryResult(value: .vector(samples), warnings: ["w"], infos: ["i", "j"]))
                == #"{"status":"success","data":{"resultType":"vector","result":["#
                + #"{"metric":{"__name__":"up","job":"a\\b"},"value":[1435781430.781,"1"]},"#
                + #"{"metric":{},"value":[-0.001,"NaN"]},{"metric":{},"value":[-1.500,"-Inf"]}]},"#
                + #""warnings":["w"],"infos":["i","j"]}"#)
    }

    @Test func tenRemarksOfAKindAreEnough() {
        var result = QueryResult(
            value: .vector([]), warnings: (0..<12).map { "w\($0)" }, infos: (0..<10).map { "i\($0)" })
        result.truncateRemarks()
        #expect(result.warnings == (0..<10).map { "w\($0)" } + ["2 more warning annotations omitted"])
        #expect(result.infos.count == 10 && result.infos.last == "i9")
    }

    @Test func matrix() {
        let series = [
            ResultSeries(labels: Labels([("a", "1")]), timestamps: [0, 15_050], values: [0.1, 1e21]),
            ResultSeries(labels: Labels([("a", "2")]), timestamps: [7], values: [1e-10]),
        ]
        #expect(
            text(QueryResult(value: .matrix(series)))
                == #"{"status":"success","data":{"resultType":"matrix","result":["#
                + #"{"metric":{"a":"1"},"values":[[0,"0.1"],[15.050,"1e+21"]]},"#
                + #"{"metric":{"a":"2"},"values":[[0.007,"1e-10"]]}]}}"#)
    }

    @Test func nothing() {
        #expect(
            text(QueryResult(value: .vector([])))
                == #"{"status":"success","data":{"resultType":"vector","result":[]}}"#)
        #expect(
            text(QueryResult(value: .matrix([])))
                == #"{"status":"success","data":{"resultType":"matrix","result":[]}}"#)
    }

    @Test(arguments: [0, 1, 3_000]) func seriesComeInPiecesThatJoinToOneText(count: Int) {
        let series = (0..<count).map { Labels([("a", "\($0)"), ("b", "say \"\u{1}\\ 😀")]) }
        for warnings in [[], ["cut"]] {
            var members: [(String, JSONValue)] = [
                ("status", .string("success")), ("data", .array(series.map(JSONValue.labels))),
            ]
            if !warnings.isEmpty { members.append(("warnings", .array(warnings.map(JSONValue.string)))) }
            var expected = JSONText()
            expected.append(.object(members))
            var pieces = SeriesAnswerPieces(series, warnings: warnings)
            var joined: [UInt8] = []
            while let piece = pieces.next() {
                #expect(!piece.isEmpty && piece.count < QueryAnswerPieces.pieceSize + 4_096)
                joined += piece
            }
            #expect(joined == expected.bytes)
        }
    }

    /// Times that series have in common are written from one text.
    @Test(arguments: [(3, 4_000), (400, 60), (5, 1)]) func seriesOfOneGridReadAsIfEachHadItsOwn(
        series: Int, samples: Int
    ) {
        let times = (0..<samples).map { Int64($0) * 1_007 - 5_000 }
        func runs(_ times: (Int) -> [Int64]) -> [ResultSeries] {
            (0..<series).map { index in
                ResultSeries(
                    labels: Labels([("i", "\(index)")]), timestamps: times(index),
                    values: (0..<samples).map { Double($0 * index) / 8 })
            }
        }
        let shared = runs { $0 == 2 ? times.map { $0 + 1 } : times }
        let own = runs { index in times.map { index == 2 ? $0 + 1 : $0 } }
        #expect(text(QueryResult(value: .matrix(shared))) == text(QueryResult(value: .matrix(own))))
    }

    /// Piece borders may fall anywhere: the text is the same as the joined parts of its elements.
    @Test(arguments: [(1, 40_000), (5_000, 1), (300, 70), (2, 0), (3, 9_000)])
    func piecesJoinToOneText(series: Int, samples: Int) {
        let all = (0..<series).map { index in
            ResultSeries(
                labels: Labels([("i", "\(index)")]), timestamps: (0..<samples).map { Int64($0) * 1_000 },
                values: (0..<samples).map(Double.init))
        }
        let elements = all.map { run in
            let values = zip(run.timestamps, run.values).map { "[\($0 / 1_000),\"\(Int($1))\"]" }
            return "{\"metric\":{\"i\":\"\(run.labels["i"] ?? "")\"},\"values\":[\(values.joined(separator: ","))]}"
        }
        let expected =
            "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[\(elements.joined(separator: ","))]}}"
        var pieces = QueryAnswerPieces(QueryResult(value: .matrix(all)))
        var joined: [UInt8] = []
        while let piece = pieces.next() {
            #expect(!piece.isEmpty && piece.count < QueryAnswerPieces.pieceSize + 4_096)
            joined += piece
        }
        #expect(joined == Array(expected.utf8))

        let vector = all.map { ResultSample(labels: $0.labels, timestamp: 0, value: 1) }
        let parts = vector.map { "{\"metric\":{\"i\":\"\($0.labels["i"] ?? "")\"},\"value\":[0,\"1\"]}" }
        #expect(
            text(QueryResult(value: .vector(vector)))
                == "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[\(parts.joined(separator: ","))]}}"
        )
    }

    @Test func aParsedQueryAsATree() throws {
        var json = JSONText()
        json.append(SyntaxTreeJSON.tree(try PromQLParser.parse(#"sum by (a) (rate(x{b="c"}[5m] offset 1m)) > bool 2"#)))
        #expect(
            String(decoding: json.bytes, as: UTF8.self)
                == #"{"type":"binaryExpr","op":">","lhs":{"type":"aggregation","op":"sum","expr":{"type":"call","#
                + #""func":{"name":"rate","argTypes":["matrix"],"variadic":0,"returnType":"vector"},"args":["#
                + #"{"type":"matrixSelector","name":"x","offset":60000,"matchers":["#
                + #"{"name":"b","value":"c","type":"="},{"name":"__name__","value":"x","type":"="}],"#
                + #""anchored":false,"smoothed":false,"timestamp":null,"#
                + #""startOrEnd":null,"range":300000}]},"param":null,"grouping":["a"],"without":false},"#
                + #""rhs":{"type":"numberLiteral","val":"2"},"matching":null,"bool":true}"#)
    }
}
