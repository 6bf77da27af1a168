import HTTPTypes
import Hummingbird
import NIOCore
import Platform

/// Reads a request's body whole: within its limit, within the memory that all bodies share, and not for ever.
///
/// - A declared length over the limit is refused before a byte is read; then no more is read from the connection.
/// - Memory is reserved before the bytes are held and given back when the request has been answered.
/// - After the first 10 s a body that comes too slowly is cut off: see `BodyPace`.
struct RequestReader: Sendable {
    enum Refusal: Error {
        case tooLarge(Int?)
        case noMemory, cut
    }

    /// A body and the memory it holds.
    struct Body: Sendable {
        var bytes: [UInt8] = []
        fileprivate var reservations: [MemoryReservation] = []
    }

    /// Bytes reserved at a time for a body of undeclared length.
    private static let portion = 1 << 20

    let limit: Int
    let budget: MemoryBudget
    let tally: ConnectionTally

    func read(_ request: Request, from channel: any Channel) async throws(Refusal) -> Body {
        var body = Body()
        var reserved = 0
        let declared = request.headers[.contentLength].flatMap { Int($0) }
        if let declared {
            guard declared <= limit else { throw .tooLarge(declared) }
            guard declared > 0 else { return body }
            try reserve(declared, in: &body, &reserved)
            body.bytes.reserveCapacity(declared)
        } else if request.headers[.transferEncoding] == nil {
            return body
        }
        let pace = BodyPace(declared: declared)
        var watch: RepeatedTask?
        defer { watch?.cancel() }
        do {
            for try await piece in request.body {
                guard body.bytes.count + piece.readableBytes <= limit else { throw Refusal.tooLarge(nil) }
                while body.bytes.count + piece.readableBytes > reserved {
                    try reserve(max(Self.portion, piece.readableBytes), in: &body, &reserved)
                }
                body.bytes.append(contentsOf: piece.readableBytesView)
                pace.note(piece.readableBytes)
                // Most bodies are here in one piece and need no clock.
                if watch == nil, body.bytes.count != declared { watch = pace.watch(channel, tally) }
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw .cut
        }
        if let declared, body.bytes.count < declared { throw .cut }
        return body
    }

    private func reserve(_ bytes: Int, in body: inout Body, _ reserved: inout Int) throws(Refusal) {
        guard let reservation = budget.reserve(bytes) else { throw .noMemory }
        body.reservations.append(reservation)
        reserved += bytes
    }
}
