#if canImport(CCrypt)
    import CCrypt
#endif

/// bcrypt, by the system's libxcrypt.
enum PasswordHash {
    /// What passwords of unknown users are held against, so that they take as long as others. Nobody's.
    static let nobody = "$2b$10$abcdefghijklmnopqrstuuMxjdFyEvIjTVWMcq5oKBZRfBJUH3q9u"

    /// `$2a$`, `$2b$` or `$2y$`, a cost of 4 … 15, 22 characters of salt and 31 of hash. Beyond a cost of 15 a check takes
    /// seconds: one client could keep the checker busy.
    static func isValid(_ hash: String) -> Bool {
        let bytes = Array(hash.utf8)
        guard bytes.count == 60, bytes[0] == 0x24, bytes[1] == 0x32, "aby".utf8.contains(bytes[2]), bytes[3] == 0x24,
            bytes[6] == 0x24, let cost = Int(String(decoding: bytes[4...5], as: UTF8.self)), (4...15).contains(cost)
        else { return false }
        return bytes[7...].allSatisfy { byte in
            (0x2e...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
    }

    /// Takes 5 ms to 2 s of a thread, by the hash's cost.
    static func matches(_ password: [UInt8], _ hash: String) -> Bool {
        guard isValid(hash), let computed = make(password, setting: hash) else { return false }
        return ConstantTime.areEqual(Array(computed.utf8), Array(hash.utf8))
    }

    /// - Parameter setting: kind, cost and salt; what follows them is not looked at.
    /// - Returns: nil for a setting that is none, or a password with a zero byte, at which bcrypt would end.
    static func make(_ password: [UInt8], setting: String) -> String? {
        #if canImport(CCrypt)
            guard !password.contains(0) else { return nil }
            let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
            data.initialize(to: crypt_data())
            defer {
                // What is left of the password in there goes.
                data.initialize(to: crypt_data())
                data.deallocate()
            }
            let text = (password + [0]).map { CChar(bitPattern: $0) }
            guard let computed = crypt_r(text, setting, data) else { return nil }
            let hash = String(cString: computed)
            return isValid(hash) ? hash : nil
        #else
            return nil
        #endif
    }
}

/// Comparisons that take as long for a near miss as for a far one.
enum ConstantTime {
    /// Looks at every byte of `given` whatever it finds. Tells a wrong length apart by time, no more.
    static func areEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
        var difference = given.count ^ expected.count
        for i in given.indices {
            let other = expected.isEmpty ? 0 : expected[i % expected.count]
            difference |= Int(given[i] ^ other)
        }
        return difference == 0
    }
}
