import Platform
import Simulation
import Testing

@testable import S3Storage

struct S3ConfigurationTests {
    private let credentials = S3Credentials(accessKey: "a", secretKey: "s")

    @Test func placesAreBucketsAndPrefixes() throws {
        #expect(S3Location("s3://metrics")?.bucket == "metrics")
        #expect(S3Location("s3://metrics/")?.prefix == "")
        let location = try #require(S3Location("s3://metrics/a/b=c/"))
        #expect(location.prefix == "a/b=c")
        #expect("\(location)" == "s3://metrics/a/b=c")
        for text in [
            "metrics", "s3://", "s3://ab", "s3://a b/c", "s3://metrics//a", "s3://metrics/../a", "s3://metrics/a?b",
            "s3://x@y/z",
        ] {
            #expect(S3Location(text) == nil, "\(text)")
        }
    }

    private func endpoint(
        _ url: String?, bucket: String = "metrics", _ addressing: S3Addressing = .auto
    ) throws -> S3Endpoint {
        let location = try #require(S3Location("s3://\(bucket)"))
        var configuration = S3Configuration(location: location, region: "eu-north-1", credentials: credentials)
        configuration.endpoint = url
        configuration.addressing = addressing
        return try S3Endpoint(configuration)
    }

    @Test func requestsGoWhereTheConfigurationSays() throws {
        let amazon = try endpoint(nil)
        #expect(amazon.host == "metrics.s3.eu-north-1.amazonaws.com" && amazon.port == 443 && amazon.isSecure)
        #expect(amazon.root == "" && amazon.hostHeader == "metrics.s3.eu-north-1.amazonaws.com")
        // No certificate covers a bucket with dots.
        #expect(try endpoint(nil, bucket: "a.b").root == "/a.b")
        #expect(try endpoint(nil, .path).root == "/metrics")
        let own = try endpoint("http://127.0.0.1:7480")
        #expect(own.host == "127.0.0.1" && own.port == 7480 && !own.isSecure && own.root == "/metrics")
        #expect(own.hostHeader == "127.0.0.1:7480")
        let virtual = try endpoint("https://store.example.org", .virtual)
        #expect(virtual.host == "store.example.org" && virtual.hostHeader == "metrics.store.example.org")
        #expect(virtual.root == "" && virtual.port == 443)
        #expect(try endpoint("http://[::1]:9000/").host == "::1")
        for text in [
            "ftp://a", "http://", "http://a:0", "http://a:x", "http://a/b", "http://u@a", "http://a b", "a:9000",
            "http://[::1", "http://a:1:2",
        ] {
            #expect(throws: ObjectStoreProblem.self, "\(text)") { try endpoint(text) }
        }
    }

    @Test func whatIsInPathsAndQueriesIsEncodedAsItIsSigned() {
        var request = S3Request(.get, path: "/" + S3Request.encoded("a/b=c d", keepsSlashes: true))
        request.query = [("prefix", "a/b+c"), ("list-type", "2")]
        #expect(request.target == "/a/b%3Dc%20d?list-type=2&prefix=a%2Fb%2Bc")
    }

    private func profiles(_ variables: [String: String], files: [String: String] = [:]) throws -> S3Profiles {
        let world = SimulatedWorld(seed: 1)
        for (path, text) in files {
            let folder = path.split(separator: "/").dropLast().joined(separator: "/")
            try world.environment.fileSystem.createDirectory("/" + folder)
            let file = try world.environment.fileSystem.open(path, .createNew)
            try file.write(Bytes(text: text), at: 0)
        }
        return try S3Profiles(variables: variables, in: world.environment.fileSystem)
    }

    @Test func variablesCountBeforeFiles() throws {
        let files = [
            "/home/u/.aws/credentials":
                "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = file\naws_secret_access_key=fs\n",
            "/home/u/.aws/config":
                "[default]\nregion = eu-west-1\ns3 =\n  endpoint_url = http://nested\n[profile team]\nregion=us-west-2\nendpoint_url = https://e\n",
        ]
        let plain = try profiles(["HOME": "/home/u"], files: files)
        #expect(try plain.credentials() == S3Credentials(accessKey: "file", secretKey: "fs"))
        #expect(plain.region == "eu-west-1" && plain.endpoint == nil)
        let named = try profiles(
            [
                "HOME": "/home/u", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
                "AWS_REGION": "r",
            ],
            files: files)
        #expect(try named.credentials() == S3Credentials(accessKey: "k", secretKey: "s", sessionToken: "t"))
        #expect(named.region == "r")
        let team = try profiles(["HOME": "/home/u", "AWS_PROFILE": "team"], files: files)
        #expect(team.region == "us-west-2" && team.endpoint == "https://e")
        #expect(throws: ObjectStoreProblem.self) { try team.credentials() }
    }

    @Test func whatIsMissingIsNamed() throws {
        let error = #expect(throws: ObjectStoreProblem.self) { try profiles([:]).credentials() }
        #expect(error?.text.contains("AWS_ACCESS_KEY_ID") ?? false)
        #expect(throws: ObjectStoreProblem.self) { try profiles(["AWS_SHARED_CREDENTIALS_FILE": "/nowhere"]) }
        let half = #expect(throws: ObjectStoreProblem.self) { try profiles(["AWS_ACCESS_KEY_ID": "k"]).credentials() }
        #expect(half?.text.contains("AWS_SECRET_ACCESS_KEY") ?? false)
    }
}
