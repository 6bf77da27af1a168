import NIOSSL
public import Platform
import Synchronization

/// Users, tokens and TLS as they are now: read at the start, read again on demand, kept when the new ones are wrong.
public final class WebAccess: Sendable {
    let control: AccessControl
    private let context = Mutex<NIOSSLContext?>(nil)
    private let path: String
    private let variables: [String: String]
    private let files: any FileSystem

    /// - Parameters:
    ///   - path: of the web configuration file; empty: everybody may ask, without TLS.
    ///   - variables: where `token_env` looks.
    /// - Throws: all complaints at once; none shows a secret.
    public init(
        path: String = "", variables: [String: String] = [:], environment: Environment = .live
    ) throws(InvalidSettings) {
        self.path = path
        self.variables = variables
        files = environment.fileSystem
        control = AccessControl(random: environment.random)
        try reload()
    }

    /// Everybody may ask.
    init(openWith random: any RandomSource) {
        path = ""
        variables = [:]
        files = LiveFileSystem()
        control = AccessControl(random: random)
    }

    /// Reads the files again. Blocks. When it throws, what was in force stays in force.
    public func reload() throws(InvalidSettings) {
        guard !path.isEmpty else { return }
        var reader = SecretReader(path: path, variables: variables, files: files)
        let loaded = try reader.load()
        context.withLock { $0 = loaded.context }
        control.use(loaded.known)
    }

    /// For new connections; nil: without TLS.
    var tlsContext: NIOSSLContext? { context.withLock { $0 } }
    public var usesTLS: Bool { tlsContext != nil }
    public var isOpen: Bool { control.isOpen }
}

/// Reads what a web configuration names: tokens, certificates, keys. Names are relative to the file's directory.
struct SecretReader {
    struct Loaded {
        var known: AccessControl.Known
        var context: NIOSSLContext?
    }

    private static let maximumFile = 1 << 20
    private static let tokenBytes = 8...1_024

    let path: String
    let variables: [String: String]
    let files: any FileSystem
    private var problems: [String] = []

    init(path: String, variables: [String: String], files: any FileSystem) {
        self.path = path
        self.variables = variables
        self.files = files
    }

    mutating func load() throws(InvalidSettings) -> Loaded {
        guard let bytes = read(path, as: "web.config.file") else { throw InvalidSettings(problems: problems) }
        let configuration = try WebConfigurationReader.read(path: path, bytes: bytes)
        var known = AccessControl.Known()
        known.isHealthOpen = configuration.isHealthOpen
        for user in configuration.users { known.users[user.name] = (user.hash, user.scopes) }
        for token in configuration.tokens {
            if let secret = secret(of: token) { known.tokens.append((secret, token.scopes)) }
        }
        let context = configuration.tls.flatMap { makeContext($0) }
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
        return Loaded(known: known, context: context)
    }

    private mutating func secret(of token: WebConfiguration.Token) -> [UInt8]? {
        var secret: [UInt8]
        let place: String
        switch token.source {
        case .file(let name):
            guard let bytes = read(absolute(name), as: "token \(SettingsText.quoted(token.name))") else { return nil }
            (secret, place) = (bytes, "the file \(absolute(name))")
        case .variable(let name):
            place = "the environment variable \(name)"
            guard let value = variables[name] else {
                problems.append("\(path): token \(SettingsText.quoted(token.name)): \(place) is not set")
                return nil
            }
            secret = Array(value.utf8)
        }
        while let last = secret.last, last == 0x0a || last == 0x0d || last == 0x20 { secret.removeLast() }
        guard Self.tokenBytes.contains(secret.count), secret.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            problems.append(
                "\(path): token \(SettingsText.quoted(token.name)): \(place) holds no 8 … 1024 visible ASCII characters"
            )
            return nil
        }
        return secret
    }

    private mutating func makeContext(_ tls: WebConfiguration.TLS) -> NIOSSLContext? {
        guard let chain = read(absolute(tls.certificateFile), as: "cert_file"),
            let key = read(absolute(tls.keyFile), as: "key_file")
        else { return nil }
        var authority: [UInt8]?
        if !tls.clientAuthorityFile.isEmpty {
            guard let bytes = read(absolute(tls.clientAuthorityFile), as: "client_ca_file") else { return nil }
            authority = bytes
        }
        func complain(_ name: String, _ file: String) -> NIOSSLContext? {
            problems.append("\(path): \(name) \(absolute(file)) is no usable PEM file, or does not fit the others")
            return nil
        }
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(chain), !certificates.isEmpty else {
            return complain("cert_file", tls.certificateFile)
        }
        guard let privateKey = try? NIOSSLPrivateKey(bytes: key, format: .pem) else {
            return complain("key_file", tls.keyFile)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = tls.isModernOnly ? .tlsv13 : .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authority {
            guard let roots = try? NIOSSLCertificate.fromPEMBytes(authority), !roots.isEmpty else {
                return complain("client_ca_file", tls.clientAuthorityFile)
            }
            configuration.trustRoots = .certificates(roots)
            configuration.certificateVerification = .noHostnameVerification
        }
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            return complain("key_file", tls.keyFile)
        }
        return context
    }

    private func absolute(_ name: String) -> String {
        guard !name.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return name }
        return path[...slash] + name
    }

    private mutating func read(_ file: String, as what: String) -> [UInt8]? {
        do throws(FileSystemError) {
            let handle = try files.open(file, .read)
            guard try handle.size() <= UInt64(Self.maximumFile) else {
                problems.append("\(what): \(file) is larger than \(ByteCount(Self.maximumFile))")
                return nil
            }
            return try handle.read(at: 0, count: Self.maximumFile)
        } catch {
            problems.append("\(what): \(error)")
            return nil
        }
    }
}
