import ArgumentParser
import Platform
import PromQL
import Varve
import VarveServer

/// How the process ends: scripts depend on it.
enum ExitStatus: Int32 {
    case done = 0
    case failed = 1
    /// Wrong usage or configuration.
    case usage = 2
    /// Stored bytes are not what was written.
    case damage = 3

    /// Tells the user what went wrong, and chooses the status.
    static func report(_ error: any Error) -> ExitStatus {
        switch error {
        case let failure as CommandFailure:
            Terminal.printError("varve: \(failure.text)")
            return failure.status
        case let error as VarveError:
            Terminal.printError("varve: \(error)")
            switch error.kind {
            case .damaged: return .damage
            case .refused: return .usage
            case .retryLater, .taken, .foreign, .failed: return .failed
            }
        case let damage as DamagedFile:
            Terminal.printError("varve: \(damage)")
            return .damage
        case let settings as InvalidSettings:
            for problem in settings.problems { Terminal.printError("varve: \(problem)") }
            Terminal.printError("`varve serve --help` lists every setting.")
            return .usage
        case let error as QueryError:
            Terminal.printError("varve: \(error)")
            switch error {
            case .parse, .badParameter: return .usage
            case .execution, .timeout, .canceled, .storage: return .failed
            }
        case let error as RemoteError:
            Terminal.printError("varve: \(QuotedText.escape(error.text, quotes: false))")
            return error.kind == .usage ? .usage : .failed
        case let error as FileSystemError:
            Terminal.printError("varve: \(error)")
            return .failed
        case let error as CannotListen:
            Terminal.printError("varve: \(error)")
            return .failed
        case let code as ExitCode: return ExitStatus(rawValue: code.rawValue) ?? .failed
        default: return reportParsing(error)
        }
    }

    /// Help and version are ends too, as far as ArgumentParser is concerned.
    private static func reportParsing(_ error: any Error) -> ExitStatus {
        let code = VarveCommand.exitCode(for: error)
        if code == .success {
            Terminal.print(VarveCommand.fullMessage(for: error))
            return .done
        }
        if code == .validationFailure {
            Terminal.printError(VarveCommand.fullMessage(for: error))
            return .usage
        }
        Terminal.printError("varve: \(error)")
        return .failed
    }
}

/// An end with a reason and a status of our choice.
struct CommandFailure: Error, CustomStringConvertible {
    var status: ExitStatus
    var text: String
    init(_ status: ExitStatus = .failed, _ text: String) {
        self.status = status
        self.text = text
    }
    var description: String { text }
}
