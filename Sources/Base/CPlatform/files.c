// System calls that Swift cannot name: variadic, or newer than the C library's module.
#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>
#include <sys/resource.h>
#include <pthread.h>
#include <time.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int varve_rename_noreplace(const char *source, const char *target) {
#if defined(__linux__)
    if (renameat2(AT_FDCWD, source, AT_FDCWD, target, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
    // File systems without it: a hard link fails when the target is there.
    if (link(source, target) != 0) return errno;
    return unlink(source) == 0 ? 0 : errno;
}

int varve_open(const char *path, int flags, int mode) {
    int descriptor = open(path, flags, mode);
    return descriptor >= 0 ? descriptor : -errno;
}

static _Thread_local void *context;

void *varve_thread_context(void) { return context; }
void varve_set_thread_context(void *value) { context = value; }

void varve_name_thread(const char *name) {
#if defined(__linux__)
    char cut[16];
    strncpy(cut, name, sizeof cut - 1);
    cut[sizeof cut - 1] = 0;
    (void)pthread_setname_np(pthread_self(), cut);
#endif
}

int varve_thread_clock(void) {
#if defined(__linux__)
    clockid_t clock;
    return pthread_getcpuclockid(pthread_self(), &clock) == 0 ? (int)clock : 0;
#else
    return 0;
#endif
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t varve_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }
uint64_t varve_clock_nanoseconds(int clock) { return nanoseconds((clockid_t)clock); }

uint64_t varve_process_cpu_nanoseconds(void) { return nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }

uint64_t varve_idle_nanoseconds(void) {
    unsigned long long user, nice, kernel, idle, waiting;
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL) return 0;
    int found = fscanf(file, "cpu %llu %llu %llu %llu %llu", &user, &nice, &kernel, &idle, &waiting);
    fclose(file);
    long ticks = sysconf(_SC_CLK_TCK);
    if (found != 5 || ticks <= 0) return 0;
    return (uint64_t)(idle + waiting) * (1000000000u / (uint64_t)ticks);
}

void varve_rest(uint64_t length) {
    struct timespec time = {.tv_sec = (time_t)(length / 1000000000u), .tv_nsec = (long)(length % 1000000000u)};
    (void)nanosleep(&time, NULL);
}

int varve_lock_exclusive(int descriptor) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
#if defined(F_OFD_SETLK)
    return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
#else
    return fcntl(descriptor, F_SETLK, &lock) == 0 ? 0 : errno;
#endif
}

int varve_descriptor_limit(int raise) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
    rlim_t most = limit.rlim_max < 1000000 ? limit.rlim_max : 1000000;
    if (raise && limit.rlim_cur < most) {
        struct rlimit raised = {most, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return (int)most;
    }
    return limit.rlim_cur < 1000000 ? (int)limit.rlim_cur : 1000000;
}

void varve_return_large_blocks(void) {
#ifdef __GLIBC__
    // Without this the threshold follows the largest block that was ever freed, up to 32 MiB.
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

void varve_prefer_huge_pages(void *base, size_t count) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)2 << 20;
    uintptr_t first = ((uintptr_t)base + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)base + count) & ~(page - 1);
    if (first < end) madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
    (void)base;
    (void)count;
#endif
}
