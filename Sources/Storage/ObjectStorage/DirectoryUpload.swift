import Platform
import Synchronization

/// A temporary file that grows and is renamed at the end (rule R7): nothing of it is kept in memory.
final class DirectoryUpload: ObjectUpload {
    private let key: ObjectKey
    private let file: any FileHandle
    private let store: DirectoryStore
    private let written = Mutex<UInt64>(0)

    init(key: ObjectKey, file: any FileHandle, store: DirectoryStore) {
        self.key = key
        self.file = file
        self.store = store
    }

    func append(_ bytes: Bytes) async throws(ObjectStoreError) {
        let offset = written.withLock { written in
            defer { written += UInt64(bytes.count) }
            return written
        }
        try await store.run("put", key.path) { [file] in try file.write(bytes, at: offset) }
    }

    func finish() async throws(ObjectStoreError) {
        try await store.run("put", key.path, otherwise: .unanswered) { [self] in
            do {
                try file.sync()
            } catch {
                store.removeTemporary(file.path)
                throw error
            }
            try store.moveIntoPlace(file.path, key, .ifAbsent)
        }
    }

    func abandon() async {
        try? await store.run("delete", key.path) { [self] in store.removeTemporary(file.path) }
    }
}
