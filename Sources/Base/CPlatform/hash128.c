// Keyed 128-bit hash of short byte strings: two AES rounds a block on four lanes where the processor has them, a
// two-state multiply elsewhere. The key is random per process, so nobody outside can aim at a collision.
#include "CPlatform.h"
#include <string.h>

static inline uint64_t mum(uint64_t a, uint64_t b, uint64_t *high) {
    __uint128_t product = (__uint128_t)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
}

static void by_multiplication(const uint64_t key[4], const uint8_t *p, size_t n, uint64_t out[2]) {
    uint64_t a = key[0] ^ n, b = key[1] + n * 0x9e3779b97f4a7c15ull;
    while (n) {
        uint64_t x = 0, y = 0;
        size_t first = n < 8 ? n : 8;
        memcpy(&x, p, first);
        size_t second = n - first < 8 ? n - first : 8;
        memcpy(&y, p + first, second);
        p += first + second;
        n -= first + second;
        uint64_t high1, high2;
        uint64_t low1 = mum(a ^ x ^ key[2], 0xa0761d6478bd642full ^ y, &high1);
        uint64_t low2 = mum(b ^ y ^ key[3], 0xe7037ed1a0b428dbull ^ x, &high2);
        a = (a ^ low1) + high2;
        b = (b ^ low2) + high1 + (a << 23 | a >> 41);
    }
    uint64_t high1, high2;
    uint64_t low1 = mum(a ^ key[1], b ^ 0x8ebc6af09c88c6e3ull, &high1);
    uint64_t low2 = mum(b ^ key[0], a ^ 0x589965cc75374cc3ull, &high2);
    out[0] = low1 ^ high2;
    out[1] = low2 ^ high1;
}

#if defined(__x86_64__)
#include <wmmintrin.h>

#define LOAD(offset) _mm_loadu_si128((const __m128i *)(p + (offset)))
#define ROUND(lane, key) lane = _mm_aesenc_si128(lane, key)

__attribute__((target("aes"))) static void by_aes(const uint64_t key[4], const uint8_t *p, size_t n, uint64_t out[2]) {
    const __m128i k0 = _mm_loadu_si128((const __m128i *)key), k1 = _mm_loadu_si128((const __m128i *)(key + 2));
    const size_t whole = n;
    const __m128i length = _mm_set_epi64x((long long)n, ~(long long)n);
    __m128i a = _mm_xor_si128(k0, length), b = k1;
    if (n > 64) {
        // Four lanes hide the latency of a round; the lanes differ in their start, so no two blocks can be exchanged.
        __m128i c = _mm_add_epi64(k0, k1), d = _mm_xor_si128(k1, length);
        while (n > 64) {
            a = _mm_xor_si128(a, LOAD(0));
            b = _mm_xor_si128(b, LOAD(16));
            c = _mm_xor_si128(c, LOAD(32));
            d = _mm_xor_si128(d, LOAD(48));
            ROUND(a, k0);
            ROUND(b, k1);
            ROUND(c, k0);
            ROUND(d, k1);
            ROUND(a, k1);
            ROUND(b, k0);
            ROUND(c, k1);
            ROUND(d, k0);
            p += 64;
            n -= 64;
        }
        ROUND(c, k0);
        ROUND(d, k1);
        a = _mm_xor_si128(a, _mm_aesenc_si128(c, k1));
        b = _mm_add_epi64(b, _mm_aesenc_si128(d, k0));
    }
    if (n > 32) {
        a = _mm_xor_si128(a, LOAD(0));
        b = _mm_xor_si128(b, LOAD(16));
        ROUND(a, k0);
        ROUND(b, k1);
        ROUND(a, k1);
        ROUND(b, k0);
        p += 32;
        n -= 32;
    }
    // The last 32 bytes, some of them for a second time: copying what is left into a buffer first costs more than all
    // the rest. The length is in the start, so no two strings end alike by padding.
    __m128i last, beforeLast;
    if (whole >= 32) {
        beforeLast = _mm_loadu_si128((const __m128i *)(p + n - 32));
        last = _mm_loadu_si128((const __m128i *)(p + n - 16));
    } else {
        uint8_t tail[32] = {0};
        memcpy(tail, p, n);
        beforeLast = _mm_loadu_si128((const __m128i *)tail);
        last = _mm_loadu_si128((const __m128i *)(tail + 16));
    }
    a = _mm_xor_si128(a, beforeLast);
    b = _mm_xor_si128(b, last);
    ROUND(a, k0);
    ROUND(b, k1);
    ROUND(a, k1);
    ROUND(b, k0);
    __m128i mixed = _mm_aesenc_si128(_mm_xor_si128(a, k1), b);
    mixed = _mm_aesenc_si128(mixed, k0);
    mixed = _mm_aesenc_si128(mixed, _mm_xor_si128(b, k1));
    _mm_storeu_si128((__m128i *)out, mixed);
}
#endif

void varve_hash128(const uint64_t key[4], const void *bytes, size_t count, uint64_t out[2]) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("aes")) {
        by_aes(key, bytes, count, out);
        return;
    }
#endif
    by_multiplication(key, bytes, count, out);
}
