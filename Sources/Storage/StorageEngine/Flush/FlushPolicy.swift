import Platform

/// Whether mem parts go out now.
enum FlushPolicy {
    static func isDue(held: Int, age: Duration, options: RegionOptions) -> Bool {
        held > options.flushSize.bytes || (held > 0 && age >= options.flushAge)
    }
}
