import CPlatform

/// File descriptors of this process: connections take what files leave, so that a crowd at the door never keeps a log
/// segment, a flush or a query from opening its files.
public enum DescriptorLimit {
    /// 32 for files of the log, flushes, merges and queries; 20 that a server holds from its start.
    static let reserve = 32 + 20

    /// How many may be open.
    public static var current: Int { Int(varve_descriptor_limit(0)) }

    /// Asks for as many as the process may have: shells start it with few.
    public static func raise() { _ = varve_descriptor_limit(1) }

    /// How many connections a server should take. A pure function.
    public static func connections(wanted: Int, descriptors: Int) -> Int {
        min(wanted, max(descriptors - reserve, 4))
    }
}
