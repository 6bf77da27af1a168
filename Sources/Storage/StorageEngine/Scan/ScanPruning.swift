import Columnar
import ManifestLog

/// Which parts cannot hold a wanted row, by what the manifest knows of them.
enum ScanPruning {
    static func mayHold(_ part: SSTMetadata, _ scan: FileScan, _ table: TableDefinition) -> Bool {
        if let times = scan.times, table.schema.timeColumn != nil {
            guard part.minTime <= times.upperBound, times.lowerBound <= part.maxTime else { return false }
        }
        guard let keys = scan.keys, table.selectionColumn != nil else { return true }
        // The first wanted key that is not below the part's least.
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < part.minKey { low = middle + 1 } else { high = middle }
        }
        return low < keys.count && keys[low] <= part.maxKey
    }
}
