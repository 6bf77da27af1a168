import CCrypto
import Platform

/// The two functions that signatures are made of, from the system's libcrypto.
enum Digests {
    static func sha256(_ bytes: Bytes) -> Bytes {
        var digest = Bytes(repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return digest
    }

    static func hmacSHA256(key: Bytes, _ message: Bytes) -> Bytes {
        var code = Bytes(repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        // A key is a secret or a digest: far from the bound of an `Int32`.
        _ = HMAC(EVP_sha256(), key, Int32(clamping: key.count), message, message.count, &code, nil)
        return code
    }

    /// Two lower-case digits for each byte.
    static func hexadecimal(_ bytes: Bytes) -> String {
        var text = Bytes()
        text.reserveCapacity(2 * bytes.count)
        let digits = Bytes("0123456789abcdef".utf8)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
