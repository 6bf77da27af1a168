import Columnar
import ManifestLog
import ObjectStorage
import Platform
import WAL

/// The pieces of a region that is being opened.
struct OpenedRegion {
    let options: RegionOptions
    let tables: [UInt16: TableDefinition]
    let contributor: (any FlushContributor)?
    let store: any ObjectStore
    let environment: Environment
    let log: any WriteAheadLog
    let manifest: ManifestWriter
    let introducer: Introducer
    let writer: RegionWriter
    let objects: ObjectCache
    let garbage: GarbageCollector
    let writers: WriterQueue
    let scanTotals: ScanCounters
}
