// Preloaded into the server: system calls on files below a root fail, come short, lie or wait by rules that the test
// changes while the server runs, in a page of memory that both have mapped.
//
// - A rule sees the calls of its kind whose path has `path` in it; it lets `skip` of them pass, then hits `times` (-1: all).
// - Other calls, and files outside the root, cost one comparison.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum call {
    OPEN = 1, WRITE, READ, FDATASYNC, FSYNC, RENAME, RENAMEAT2, LINK, FTRUNCATE, UNLINK, MKDIR, LIST, STAT, SPACE
};
enum action { FAIL = 1, SHORT, LIE, DELAY, TORN, LATE };

struct rule {
    _Atomic uint32_t armed;
    uint32_t call, action;
    int32_t error;
    int64_t skip, times, milliseconds;
    _Atomic int64_t seen, hits;
    char path[96];
};

struct page {
    _Atomic uint32_t armed;  // rules that are
    uint32_t unused;
    _Atomic int64_t clock_seconds;  // added to the wall clock
    char root[240];
    struct rule rules[16];
};

static struct page *page;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_PAGE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) page = mapped;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

// The rule that hits this call, or NULL.
static struct rule *hit(enum call call, const char *path) {
    if (!page || !atomic_load_explicit(&page->armed, memory_order_acquire)) return NULL;
    size_t root = strlen(page->root);
    if (!path || strncmp(path, page->root, root)) return NULL;
    for (int i = 0; i < 16; i++) {
        struct rule *rule = &page->rules[i];
        if (!atomic_load(&rule->armed) || rule->call != call || !strstr(path + root, rule->path)) continue;
        int64_t number = atomic_fetch_add(&rule->seen, 1);
        if (number < rule->skip || (rule->times >= 0 && number >= rule->skip + rule->times)) continue;
        atomic_fetch_add(&rule->hits, 1);
        return rule;
    }
    return NULL;
}

static struct rule *hit_file(enum call call, int fd) {
    if (!page || !atomic_load_explicit(&page->armed, memory_order_acquire)) return NULL;
    char link[40], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int saved = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length <= 0) return NULL;
    path[length] = 0;
    return hit(call, path);
}

static void wait_for(struct rule *rule) {
    // In slices: a rule that is cleared lets go of whoever waits.
    for (int64_t left = rule->milliseconds; left > 0 && atomic_load(&rule->armed); left -= 20) usleep(20000);
}

// `call` is made unless the rule forbids it.
#define BY_RULE(found, failed, lie, call) \
    struct rule *rule_ = found; \
    if (rule_) { \
        switch (rule_->action) { \
        case LIE: return lie; \
        case DELAY: wait_for(rule_); break; \
        case LATE: (void)call; errno = rule_->error; return failed; \
        default: errno = rule_->error; return failed; \
        } \
    } \
    return call

static int opened(const char *name, int dir, const char *path, int flags, mode_t mode) {
    static int (*real)(int, const char *, int, ...);
    if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, name);
    BY_RULE(hit(OPEN, path), -1, -1, real(dir, path, flags, mode));
}
#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { \
    va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return opened("openat", AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened("openat64", AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE return opened("openat", dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE return opened("openat64", dir, path, flags, mode); }

// Half of it: then the caller goes on, or the disk does not.
#define TRANSFER(kind, fd, count, half, whole) \
    struct rule *rule = hit_file(kind, fd); \
    if (rule && count > 1 && rule->action == SHORT) { count /= 2; return half; } \
    if (rule && count > 1 && rule->action == TORN) { count /= 2; (void)half; errno = rule->error; return -1; } \
    if (rule && rule->action == SHORT) rule = NULL; \
    BY_RULE(rule, -1, (ssize_t)count, whole)
ssize_t pwrite(int fd, const void *b, size_t n, off_t at) { REAL(pwrite); TRANSFER(WRITE, fd, n, real(fd, b, n, at), real(fd, b, n, at)); }
ssize_t pwrite64(int fd, const void *b, size_t n, off_t at) { REAL(pwrite64); TRANSFER(WRITE, fd, n, real(fd, b, n, at), real(fd, b, n, at)); }
ssize_t write(int fd, const void *b, size_t n) { REAL(write); TRANSFER(WRITE, fd, n, real(fd, b, n), real(fd, b, n)); }
ssize_t pread(int fd, void *b, size_t n, off_t at) { REAL(pread); TRANSFER(READ, fd, n, real(fd, b, n, at), real(fd, b, n, at)); }
ssize_t pread64(int fd, void *b, size_t n, off_t at) { REAL(pread64); TRANSFER(READ, fd, n, real(fd, b, n, at), real(fd, b, n, at)); }
ssize_t read(int fd, void *b, size_t n) { REAL(read); TRANSFER(READ, fd, n, real(fd, b, n), real(fd, b, n)); }

int fdatasync(int fd) { REAL(fdatasync); BY_RULE(hit_file(FDATASYNC, fd), -1, 0, real(fd)); }
int fsync(int fd) { REAL(fsync); BY_RULE(hit_file(FSYNC, fd), -1, 0, real(fd)); }
int ftruncate(int fd, off_t n) { REAL(ftruncate); BY_RULE(hit_file(FTRUNCATE, fd), -1, 0, real(fd, n)); }
int rename(const char *a, const char *b) { REAL(rename); BY_RULE(hit(RENAME, b), -1, 0, real(a, b)); }
int renameat2(int x, const char *a, int y, const char *b, unsigned f) { REAL(renameat2); BY_RULE(hit(RENAMEAT2, b), -1, 0, real(x, a, y, b, f)); }
int link(const char *a, const char *b) { REAL(link); BY_RULE(hit(LINK, b), -1, 0, real(a, b)); }
int unlink(const char *a) { REAL(unlink); BY_RULE(hit(UNLINK, a), -1, 0, real(a)); }
int rmdir(const char *a) { REAL(rmdir); BY_RULE(hit(UNLINK, a), -1, 0, real(a)); }
int mkdir(const char *a, mode_t m) { REAL(mkdir); BY_RULE(hit(MKDIR, a), -1, 0, real(a, m)); }
DIR *opendir(const char *a) { REAL(opendir); BY_RULE(hit(LIST, a), NULL, NULL, real(a)); }
int lstat(const char *restrict a, struct stat *restrict s) { REAL(lstat); BY_RULE(hit(STAT, a), -1, 0, real(a, s)); }
int statvfs(const char *restrict a, struct statvfs *restrict s) { REAL(statvfs); BY_RULE(hit(SPACE, a), -1, 0, real(a, s)); }

int clock_gettime(clockid_t id, struct timespec *t) {
    REAL(clock_gettime);
    int result = real(id, t);
    if (result == 0 && id == CLOCK_REALTIME && page) t->tv_sec += atomic_load(&page->clock_seconds);
    return result;
}
