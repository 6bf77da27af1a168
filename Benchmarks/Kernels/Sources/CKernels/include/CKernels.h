// The kernels of `Encodings` as one would write them in C, unchecked: what ours are measured against.
#ifndef CKERNELS_H
#define CKERNELS_H
#include <stddef.h>
#include <stdint.h>

/// DELTA_BINARY_PACKED, 8 or 32 miniblocks of 32: `count` values; bytes consumed.
size_t c_delta_decode(const uint8_t *bytes, size_t count, int64_t *out);
/// The same bytes as `DeltaBinaryPacked.encode`; tight (1) or whole bytes (0). `out` has room; bytes written.
size_t c_delta_encode(const int64_t *values, size_t count, int tight, uint8_t *out);
/// Fields of `width` bits, 1 to 32, count in 32s; 8 bytes readable behind them.
void c_unpack(const uint8_t *packed, int width, size_t count, uint32_t *out);
void c_gather(const double *dictionary, size_t entries, const uint32_t *codes, size_t count, double *out, int *bad);
void c_split(const double *values, size_t count, uint8_t *out);
void c_join(const uint8_t *bytes, size_t count, double *out);
void c_copy(const uint8_t *bytes, size_t count, double *out);
/// Integers over `divisor`, exact ones only; how many are not.
size_t c_scale(const double *values, size_t count, double divisor, int64_t *out);
void c_restore(const int64_t *integers, size_t count, double divisor, double *out);
uint32_t c_crc32(const uint8_t *bytes, size_t count);
uint32_t c_crc32c(const uint8_t *bytes, size_t count);
#endif
