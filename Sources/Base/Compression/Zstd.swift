import CZstd
import Synchronization

/// A ZSTD compressor of one worker: its tables are made once and used for every page. Not for several tasks at once.
public final class ZstdCompressor {
    private let context: ZstdContexts.Compressing
    public let level: Int

    /// - Parameter level: 1…19, brought into range.
    public init(level: Int) throws(CompressionError) {
        self.level = min(max(level, 1), 19)
        context = try ZstdContexts.takeCompressing()
    }
    deinit { ZstdContexts.giveBack(context) }

    public func compress(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> [UInt8] {
        try context.compress(bytes, level: level)
    }
    public func compress(_ bytes: [UInt8]) throws(CompressionError) -> [UInt8] {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in try compress(raw) }
    }
}

/// ZSTD frames whose unpacked size the caller does not know: request bodies.
public enum Zstd {
    /// - Parameter limit: the most bytes that the caller accepts; memory grows with what really comes out.
    public static func decompress(_ bytes: [UInt8], limit: Int) throws(CompressionError) -> [UInt8] {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in
            try decompress(raw, limit: limit)
        }
    }

    static func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(CompressionError) -> [UInt8] {
        let declared = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
        guard declared != ZstdContexts.notAFrame else { throw .damaged(.zstd, "not a ZSTD frame") }
        if declared != ZstdContexts.unknownSize, declared > UInt64(max(limit, 0)) {
            throw .tooLarge(.zstd, bytes: declared, limit: limit)
        }
        let context = try ZstdContexts.takeDecompressing()
        defer { ZstdContexts.giveBack(context) }
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        return try grown(codec: .zstd, limit: limit, expecting: 4 * bytes.count) { (room) throws(CompressionError) in
            var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
            let before = input.pos
            let hint = ZSTD_decompressStream(context.pointer, &output, &input)
            guard ZSTD_isError(hint) == 0 else { throw .damaged(.zstd, ZstdContexts.message(hint)) }
            if hint == 0 && input.pos == input.size { return (output.pos, true) }
            guard output.pos > 0 || input.pos > before else { throw .damaged(.zstd, "it ends early") }
            return (output.pos, false)
        }
    }
}

/// Contexts that are free at the moment: to make one costs more than to pack a page. At most 16 of each are kept.
enum ZstdContexts {
    struct Compressing: @unchecked Sendable {  // one holder at a time
        let pointer: OpaquePointer

        func compress(_ bytes: UnsafeRawBufferPointer, level: Int) throws(CompressionError) -> [UInt8] {
            let bound = ZSTD_compressBound(bytes.count)
            guard ZSTD_isError(bound) == 0 else { throw .failed(.zstd, ZstdContexts.message(bound)) }
            return try filled(capacity: bound) { (output) throws(CompressionError) in
                let written = ZSTD_compressCCtx(
                    pointer, output, bound, bytes.baseAddress, bytes.count, Int32(min(max(level, 1), 19)))
                guard ZSTD_isError(written) == 0 else { throw .failed(.zstd, ZstdContexts.message(written)) }
                return written
            }
        }
    }
    struct Decompressing: @unchecked Sendable {  // one holder at a time
        let pointer: OpaquePointer
    }

    private static let compressing = Mutex<[Compressing]>([])
    private static let decompressing = Mutex<[Decompressing]>([])
    private static let mostKept = 16

    static let unknownSize = UInt64.max  // ZSTD_CONTENTSIZE_UNKNOWN
    static let notAFrame = UInt64.max - 1  // ZSTD_CONTENTSIZE_ERROR

    static func message(_ code: Int) -> String { String(cString: ZSTD_getErrorName(code)) }

    static func takeCompressing() throws(CompressionError) -> Compressing {
        if let free = compressing.withLock({ $0.popLast() }) { return free }
        guard let made = ZSTD_createCCtx() else { throw .failed(.zstd, "no memory for a compressor") }
        return Compressing(pointer: made)
    }
    static func giveBack(_ context: Compressing) {
        let isKept = compressing.withLock { free in
            guard free.count < mostKept else { return false }
            free.append(context)
            return true
        }
        if !isKept { ZSTD_freeCCtx(context.pointer) }
    }

    static func takeDecompressing() throws(CompressionError) -> Decompressing {
        if let free = decompressing.withLock({ $0.popLast() }) { return free }
        guard let made = ZSTD_createDCtx() else { throw .failed(.zstd, "no memory for a decompressor") }
        // A frame may ask for a window of up to 8 MiB: what a level-19 writer uses. Larger ones are an attack.
        ZSTD_DCtx_setParameter(made, ZSTD_d_windowLogMax, 23)
        return Decompressing(pointer: made)
    }
    static func giveBack(_ context: Decompressing) {
        ZSTD_DCtx_reset(context.pointer, ZSTD_reset_session_only)
        let isKept = decompressing.withLock { free in
            guard free.count < mostKept else { return false }
            free.append(context)
            return true
        }
        if !isKept { ZSTD_freeDCtx(context.pointer) }
    }

    static func compress(_ bytes: UnsafeRawBufferPointer, level: Int) throws(CompressionError) -> [UInt8] {
        let context = try takeCompressing()
        defer { giveBack(context) }
        return try context.compress(bytes, level: level)
    }

    static func decompress(_ bytes: UnsafeRawBufferPointer, exactSize: Int) throws(CompressionError) -> [UInt8] {
        let declared = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
        guard declared != notAFrame else { throw .damaged(.zstd, "not a ZSTD frame") }
        guard declared == unknownSize || declared <= UInt64(exactSize) else {
            throw .damaged(.zstd, "it declares \(declared) bytes instead of \(exactSize)")
        }
        let context = try takeDecompressing()
        defer { giveBack(context) }
        return try filled(capacity: exactSize) { (output) throws(CompressionError) in
            let written = ZSTD_decompressDCtx(context.pointer, output, exactSize, bytes.baseAddress, bytes.count)
            guard ZSTD_isError(written) == 0 else { throw .damaged(.zstd, message(written)) }
            guard written == exactSize else {
                throw .damaged(.zstd, "it unpacks to \(written) bytes instead of \(exactSize)")
            }
            return written
        }
    }
}
