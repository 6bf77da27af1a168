// System calls that Swift cannot name: variadic, or newer than the C library's module.
#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#if defined(__linux__)
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <pthread.h>
#endif
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

void varve_thread_comes_last(void) {
#if defined(__linux__)
    // On Linux the priority is the thread's own, whatever POSIX says of processes. 10: the ninth part of a usual thread's share.
    // The short slice (Linux 6.12; others ignore it) makes it give way to a thread that wakes within 0.1 ms instead of 3.
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {.size = 48, .policy = 0 /* SCHED_OTHER */, .nice = 10, .runtime = 100000};
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
#elif defined(__APPLE__)
    (void)pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#endif
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
