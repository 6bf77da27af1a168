public import Platform

/// What the usual variables and files of AWS's tools say: credentials, region, endpoint.
///
/// - Variables count before files; of files, `credentials` counts before `config`.
/// - Roles, SSO and instance metadata are not asked: use keys, or a tool that writes temporary ones into the file.
public struct S3Profiles: Sendable {
    private let variables: [String: String]
    private var profile: [String: String] = [:]
    public let profileName: String
    /// The files that were looked for.
    private var places: [String] = []

    /// - Parameter variables: the process's environment.
    /// - Throws: `ObjectStoreProblem` when a file that was named cannot be read, or is none.
    public init(variables: [String: String], in fileSystem: any FileSystem) throws(ObjectStoreProblem) {
        self.variables = variables
        profileName = variables["AWS_PROFILE"].flatMap { $0.isEmpty ? nil : $0 } ?? "default"
        let home = variables["HOME"].map { $0 + "/.aws" }
        let files = [
            ("AWS_CONFIG_FILE", home.map { $0 + "/config" }, true),
            ("AWS_SHARED_CREDENTIALS_FILE", home.map { $0 + "/credentials" }, false),
        ]
        for (variable, usual, isConfig) in files {
            let given = variables[variable].flatMap { $0.isEmpty ? nil : $0 }
            guard let path = given ?? usual else { continue }
            places.append(path)
            let bytes: Bytes?
            do throws(FileSystemError) {
                bytes = try AtomicFile.read(path, limit: 1 << 20, in: fileSystem)
            } catch {
                throw ObjectStoreProblem("\(path) cannot be read: \(error)")
            }
            guard let bytes else {
                if given != nil { throw ObjectStoreProblem("\(variable) names \(path), which is not there") }
                continue
            }
            let section = isConfig && profileName != "default" ? "profile \(profileName)" : profileName
            profile.merge(Self.section(section, of: bytes)) { _, new in new }
        }
    }

    /// Names and values of one section of an INI file; nested and foreign lines are left out.
    static func section(_ wanted: String, of bytes: Bytes) -> [String: String] {
        var found: [String: String] = [:]
        var isInside = false
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let trimmed = line.trimmed
            if trimmed.isEmpty || trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
            if trimmed.hasPrefix("["), let close = trimmed.firstIndex(of: "]") {
                let name = trimmed[trimmed.index(after: trimmed.startIndex)..<close]
                isInside = name.split(separator: " ").joined(separator: " ") == wanted
                continue
            }
            guard isInside, !(line.first?.isWhitespace ?? true), let equals = trimmed.firstIndex(of: "=") else {
                continue
            }
            found[String(trimmed[..<equals].trimmed)] = String(trimmed[trimmed.index(after: equals)...].trimmed)
        }
        return found
    }

    private func value(_ names: [String], _ key: String) -> String? {
        for name in names {
            if let value = variables[name], !value.isEmpty { return value }
        }
        return profile[key].flatMap { $0.isEmpty ? nil : $0 }
    }

    public var region: String? { value(["AWS_REGION", "AWS_DEFAULT_REGION"], "region") }
    public var endpoint: String? { value(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], "endpoint_url") }
    public var authorities: String? { value(["AWS_CA_BUNDLE"], "ca_bundle") }

    /// - Throws: `ObjectStoreProblem`, naming what is missing.
    public func credentials() throws(ObjectStoreProblem) -> S3Credentials {
        let named = variables["AWS_ACCESS_KEY_ID"].flatMap { $0.isEmpty ? nil : $0 }
        let access = named ?? profile["aws_access_key_id"]
        // Keys of one place belong together.
        let secret = named != nil ? variables["AWS_SECRET_ACCESS_KEY"] : profile["aws_secret_access_key"]
        let token = named != nil ? variables["AWS_SESSION_TOKEN"] : profile["aws_session_token"]
        guard let access, !access.isEmpty else {
            throw ObjectStoreProblem(
                "there are no credentials for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write "
                    + "profile \"\(profileName)\" into \(places.last ?? "~/.aws/credentials")")
        }
        guard let secret, !secret.isEmpty else {
            throw ObjectStoreProblem("AWS_SECRET_ACCESS_KEY is missing: it belongs to access key \(access)")
        }
        return S3Credentials(
            accessKey: access, secretKey: secret, sessionToken: token.flatMap { $0.isEmpty ? nil : $0 })
    }
}

extension StringProtocol {
    fileprivate var trimmed: SubSequence {
        var rest = self[startIndex..<endIndex]
        while rest.first?.isWhitespace ?? false { rest = rest.dropFirst() }
        while rest.last?.isWhitespace ?? false { rest = rest.dropLast() }
        return rest
    }
}
