/// The series of one time segment, as ordinals of the registry.
struct SegmentSeries: Sendable {
    /// Series with samples in the segment, or with a series row of it. May hold some whose write failed: harmless.
    var alive = OrdinalSet()
    /// Series whose row of this segment is in an object, under the id that stands for the ordinal.
    var persisted = OrdinalSet()
    /// Further ids of a label set whose rows are in an object.
    var persistedExtras: Set<Int64> = []
}
