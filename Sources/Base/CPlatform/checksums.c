// CRC-32C with the processor's instruction where there is one (three interleaved streams hide its latency); CRC-32 by
// carry-less multiplication where there is that; eight tables elsewhere. Both are the reflected form with inversion before
// and after.
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
#include <wmmintrin.h>

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

// CRC-32 by folding: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009),
// with its constants for the reflected zlib polynomial. `n` is a multiple of 16 and at least 64.
__attribute__((target("pclmul,sse4.1"))) static uint32_t by_folding(uint32_t crc, const uint8_t *p, size_t n) {
    const __m128i by512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i by64 = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    const __m128i low_halves = _mm_setr_epi32(~0, 0, ~0, 0);
    __m128i x[4];
    for (int i = 0; i < 4; i++) x[i] = _mm_loadu_si128((const __m128i *)p + i);
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
    p += 64;
    n -= 64;
    for (; n >= 64; p += 64, n -= 64)
        for (int i = 0; i < 4; i++) {
            __m128i low = _mm_clmulepi64_si128(x[i], by512, 0x00);
            __m128i high = _mm_clmulepi64_si128(x[i], by512, 0x11);
            x[i] = _mm_xor_si128(_mm_xor_si128(low, high), _mm_loadu_si128((const __m128i *)p + i));
        }
    __m128i sum = x[0];
    for (int i = 1; i < 4; i++)
        sum = _mm_xor_si128(
            _mm_xor_si128(_mm_clmulepi64_si128(sum, by128, 0x00), _mm_clmulepi64_si128(sum, by128, 0x11)), x[i]);
    for (; n >= 16; p += 16, n -= 16)
        sum = _mm_xor_si128(
            _mm_xor_si128(_mm_clmulepi64_si128(sum, by128, 0x00), _mm_clmulepi64_si128(sum, by128, 0x11)),
            _mm_loadu_si128((const __m128i *)p));
    // 128 bits to 64, to 32.
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by128, 0x10));
    sum = _mm_xor_si128(
        _mm_clmulepi64_si128(_mm_and_si128(sum, low_halves), by64, 0x00), _mm_srli_si128(sum, 4));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(sum, low_halves), barrett, 0x10);
    quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_halves), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, quotient), 1);
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
    uint32_t crc = ~seed;
    const uint8_t *p = bytes;
#if defined(__x86_64__)
    if (count >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        size_t folded = count & ~(size_t)15;
        crc = by_folding(crc, p, folded);
        p += folded;
        count -= folded;
    }
#endif
    return ~by_tables(zlib_poly, crc, p, count);
}
