import NIOHTTP1

/// The methods that S3 is asked with.
enum HTTPVerb {
    case get, head, put, post, delete
    var method: HTTPMethod {
        switch self {
        case .get: .GET
        case .head: .HEAD
        case .put: .PUT
        case .post: .POST
        case .delete: .DELETE
        }
    }
}
