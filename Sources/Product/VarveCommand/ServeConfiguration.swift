import Platform
import Varve
import VarveServer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What `varve serve` was told, read and checked as a whole before anything is opened or made.
struct ServeConfiguration: Sendable {
    private static let maximumFile = 1 << 20

    let flags: [String: String]
    let variables: [String: String]
    let environment: Environment

    struct Checked: Sendable {
        var settings: ServeSettings
        var plan: MemoryPlan
        var access: WebAccess
    }

    /// - Throws: `InvalidSettings` with everything that is wrong; nothing was made.
    func check() async throws -> Checked {
        try await environment.blocking.run { [self] in
            let settings = try read()
            let plan = MemoryPlan(wanted: settings.memoryLimit, machine: MemoryPlan.machine())
            var problems = OpenDatabase.options(settings, plan).problems() + Self.problems(of: settings.dataDirectory)
            var access: WebAccess?
            do throws(InvalidSettings) {
                access = try WebAccess(
                    path: settings.web.configFile, variables: variables, environment: environment)
            } catch { problems += error.problems }
            guard problems.isEmpty, let access else { throw InvalidSettings(problems: problems) }
            return Checked(settings: settings, plan: plan, access: access)
        }
    }

    /// Flags, environment and file. Blocks.
    func read() throws(InvalidSettings) -> ServeSettings {
        var file: SettingsFile?
        if let path = ServeSettings.filePath(flags: flags, environment: variables) {
            do throws(FileSystemError) {
                let handle = try environment.fileSystem.open(path, .read)
                file = SettingsFile(path: path, bytes: try handle.read(at: 0, count: Self.maximumFile))
            } catch { throw InvalidSettings(problems: ["config: \(error)"]) }
        }
        return try ServeSettings(flags: flags, environment: variables, file: file)
    }

    /// Whether the directory could be made and written to: the nearest one there is must be ours to write to.
    private static func problems(of directory: String) -> [String] {
        var path = directory
        while true {
            var status = stat()
            if stat(path, &status) == 0 {
                guard status.st_mode & S_IFMT == S_IFDIR else { return ["data: \(path) is not a directory"] }
                // A disk that is read-only is a fault and no setting: the opening says so.
                if access(path, W_OK | X_OK) == 0 || errno == EROFS { return [] }
                return ["data: \(directory) cannot be written: \(path): \(reason())"]
            }
            guard errno == ENOENT else { return ["data: \(directory) cannot be reached: \(path): \(reason())"] }
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            guard let slash = path.lastIndex(of: "/") else {
                path = "."
                continue
            }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
