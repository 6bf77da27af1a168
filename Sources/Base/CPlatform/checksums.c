// CRC-32C with the processor's instruction where there is one (three interleaved streams hide its latency), tables
// elsewhere; CRC-32 by eight tables. Both are the reflected form with inversion before and after.
#include "CPlatform.h"
#include <pthread.h>
#include <string.h>

static uint32_t castagnoli[8][256];
static uint32_t zlib_poly[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill(uint32_t table[8][256], uint32_t polynomial) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (polynomial & (0u - (crc & 1)));
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++) table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
}

static void make_tables(void) {
    fill(castagnoli, 0x82f63b78u);
    fill(zlib_poly, 0xedb88320u);
}

static uint32_t by_tables(uint32_t table[8][256], uint32_t crc, const uint8_t *p, size_t n) {
    while (n >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff]
            ^ table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^ table[2][(word >> 40) & 0xff]
            ^ table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
        p += 8;
        n -= 8;
    }
    while (n--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

#define STREAM 1024

// shift[k][b]: the crc after STREAM zero bytes, for byte k of the register holding b.
static uint32_t shift_stream[4][256];
static pthread_once_t shift_once = PTHREAD_ONCE_INIT;

static void make_shift(void) {
    pthread_once(&tables_once, make_tables);
    static const uint8_t zeros[STREAM];
    for (int k = 0; k < 4; k++)
        for (uint32_t b = 0; b < 256; b++)
            shift_stream[k][b] = by_tables(castagnoli, b << (8 * k), zeros, STREAM);
}

static uint32_t shifted(uint32_t crc) {
    return shift_stream[0][crc & 0xff] ^ shift_stream[1][(crc >> 8) & 0xff] ^ shift_stream[2][(crc >> 16) & 0xff]
        ^ shift_stream[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t start, const uint8_t *p, size_t n) {
    uint64_t crc = start;
    while (n >= 3 * STREAM) {
        uint64_t b = 0, c = 0;
        for (size_t i = 0; i < STREAM; i += 8) {
            uint64_t x, y, z;
            memcpy(&x, p + i, 8);
            memcpy(&y, p + STREAM + i, 8);
            memcpy(&z, p + 2 * STREAM + i, 8);
            crc = _mm_crc32_u64(crc, x);
            b = _mm_crc32_u64(b, y);
            c = _mm_crc32_u64(c, z);
        }
        crc = shifted(shifted((uint32_t)crc) ^ (uint32_t)b) ^ (uint32_t)c;
        p += 3 * STREAM;
        n -= 3 * STREAM;
    }
    while (n >= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        crc = _mm_crc32_u64(crc, x);
        p += 8;
        n -= 8;
    }
    while (n--) crc = _mm_crc32_u8((uint32_t)crc, *p++);
    return (uint32_t)crc;
}
#endif

uint32_t varve_crc32c(uint32_t seed, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        pthread_once(&shift_once, make_shift);
        return ~by_instruction(~seed, bytes, count);
    }
#endif
    pthread_once(&tables_once, make_tables);
    return ~by_tables(castagnoli, ~seed, bytes, count);
}

uint32_t varve_crc32(uint32_t seed, const void *bytes, size_t count) {
    pthread_once(&tables_once, make_tables);
    return ~by_tables(zlib_poly, ~seed, bytes, count);
}
