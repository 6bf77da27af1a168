/// Milliseconds since the Unix epoch, UTC. A name, not a type: columns of times are plain `[Int64]`.
public typealias Timestamp = Int64

/// A half-open range of time, in milliseconds.
public typealias TimeRange = Range<Timestamp>
