import Columnar
import ManifestLog
import ObjectStorage
import Platform

/// Where things lie in a store (DESIGN.md section 9). The only place that composes these names.
enum ObjectPaths {
    static func manifestPrefix(region: String) -> String { "regions/\(region)/manifest/" }

    static func tablePrefix(_ table: String, region: String) -> String { "\(table)/data/\(region)/" }

    static func segmentName(_ segment: TimeRange) -> String {
        segment == TimeSegments.allTime ? "all" : String(segment.lowerBound)
    }

    static func sst(_ id: SSTID, table: String, region: String, segment: TimeRange) -> ObjectKey {
        ObjectKey(trusted: "\(tablePrefix(table, region: region))\(segmentName(segment))/\(id).parquet")
    }

    /// The id in an SST's name; nil when the name is not one that `sst` makes.
    static func sstID(of key: ObjectKey) -> SSTID? {
        guard let file = key.path.split(separator: "/").last, file.hasSuffix(".parquet") else { return nil }
        let parts = file.dropLast(".parquet".count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let claim = UInt64(parts[0]), let counter = UInt64(parts[1]) else { return nil }
        let id = SSTID(claim: .init(claim), counter: counter)
        return "\(id).parquet" == file ? id : nil
    }
}
