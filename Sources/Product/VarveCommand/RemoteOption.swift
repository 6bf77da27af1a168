import ArgumentParser
import Platform
import VarveServer

/// How a command shows who it is to a server. A token stands in a file: what is on a command line everybody sees.
struct RemoteOption: ParsableArguments {
    private static let maximumToken = 4_096

    @Option(help: ArgumentHelp("A file with the bearer token that the server asks for.", valueName: "file"))
    var tokenFile: String?
    @Option(
        help: ArgumentHelp("Certificates to trust, PEM, instead of the system's; for https.", valueName: "file"))
    var caFile: String?

    func credentials() async throws -> RemoteCredentials {
        var credentials = RemoteCredentials()
        credentials.authorityFile = caFile
        guard let tokenFile else { return credentials }
        let environment = Environment.live
        let bytes = try await environment.blocking.run {
            try environment.fileSystem.open(tokenFile, .read).read(at: 0, count: Self.maximumToken)
        }
        var token = bytes[...]
        while let last = token.last, last == 0x0a || last == 0x0d || last == 0x20 { token.removeLast() }
        guard !token.isEmpty, token.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw CommandFailure(.usage, "token-file: \(tokenFile) holds no token: visible ASCII characters, one line")
        }
        credentials.token = String(decoding: token, as: UTF8.self)
        return credentials
    }
}
