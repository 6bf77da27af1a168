#ifndef VARVE_CPLATFORM_H
#define VARVE_CPLATFORM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// CRC-32C (Castagnoli) of `count` bytes, continuing from `seed` (0 at the start).
uint32_t varve_crc32c(uint32_t seed, const void *bytes, size_t count);

/// CRC-32 (the zlib polynomial) of `count` bytes, continuing from `seed` (0 at the start).
uint32_t varve_crc32(uint32_t seed, const void *bytes, size_t count);

/// Keyed 128-bit hash: for identity of outside bytes under a key drawn at random per process. Not cryptographic.
void varve_hash128(const uint64_t key[4], const void *bytes, size_t count, uint64_t out[2]);

/// Unpacks a block of snappy to `length` bytes, which must be what the block declares; 0, or -1 for a block that is not
/// sound: then `out` holds anything. The block is read, and `out` written, within their bounds whatever the bytes are.
int varve_snappy_decompress(const void *in, size_t count, void *out, size_t length);

/// rename that fails with EEXIST instead of replacing; 0 or an errno.
int varve_rename_noreplace(const char *source, const char *target);

/// open(2) without its variadic form; a descriptor, or minus an errno.
int varve_open(const char *path, int flags, int mode);

/// Most file descriptors that this process may have open; with `raise` as many as it may ask for, at most a million.
int varve_descriptor_limit(int raise);

/// Has blocks of 256 KiB and more given back to the system as soon as they are freed, where the allocator can be told.
void varve_return_large_blocks(void);

/// Asks for pages of 2 MiB where these bytes lie, as far as whole ones fit; a system without them ignores it.
void varve_prefer_huge_pages(void *base, size_t count);

/// Has the processor fetch the line at `address`, which need not be one that may be read.
static inline void varve_prefetch(const void *address) { __builtin_prefetch(address); }

/// What the calling thread carries about; NULL at first.
void *varve_thread_context(void);
void varve_set_thread_context(void *value);

/// Names the calling thread, for `top -H` and profilers: 15 bytes at most, the rest is cut off.
void varve_name_thread(const char *name);

/// The clock of the calling thread's CPU time, for `varve_clock_nanoseconds`; 0 where there is none.
int varve_thread_clock(void);

/// Nanoseconds: of a clock that only rises; of a thread's CPU time; of the CPU time of all threads; of processors that nobody
/// needed since the machine was started, in ticks of 10 ms, 0 where that is not told.
uint64_t varve_monotonic_nanoseconds(void);
uint64_t varve_clock_nanoseconds(int clock);
uint64_t varve_process_cpu_nanoseconds(void);
uint64_t varve_idle_nanoseconds(void);

/// Lets the calling thread rest for so many nanoseconds; a signal ends it early.
void varve_rest(uint64_t length);

/// Takes an exclusive open-file-description lock without waiting; 0 or an errno.
int varve_lock_exclusive(int descriptor);

/// The shortest decimal text that reads back as `value`, as Prometheus writes it: plain notation from 1e-6 to below
/// 1e21, an exponent outside. NaN, +Inf and -Inf by name. `out` must hold 32 bytes; returns the length.
size_t varve_format_double(double value, char *out);

#ifdef __cplusplus
}
#endif

#endif
