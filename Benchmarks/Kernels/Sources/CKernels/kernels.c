#include "CKernels.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t word(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

// MARK: bits

#define FIELD(W, i) ((uint32_t)((word(p + ((i) * (W) >> 3)) >> ((i) * (W) & 7)) & ((1ull << (W)) - 1)))
#define EACH4(F, W, i) F(W, i) F(W, i + 1) F(W, i + 2) F(W, i + 3)
#define EACH32(F, W) \
    EACH4(F, W, 0) EACH4(F, W, 4) EACH4(F, W, 8) EACH4(F, W, 12) EACH4(F, W, 16) EACH4(F, W, 20) EACH4(F, W, 24) \
    EACH4(F, W, 28)
#define STORE(W, i) out[i] = FIELD(W, i);
#define UNPACK(W) \
    static void unpack##W(const uint8_t *p, uint32_t *out) { EACH32(STORE, W) }
#define WIDTHS32(F) \
    F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15) F(16) F(17) F(18) F(19) F(20) F(21) \
    F(22) F(23) F(24) F(25) F(26) F(27) F(28) F(29) F(30) F(31) F(32)
WIDTHS32(UNPACK)

void c_unpack(const uint8_t *p, int width, size_t count, uint32_t *out) {
    for (size_t i = 0; i < count; i += 32, p += 4 * width, out += 32) {
        switch (width) {
#define CASE(W) case W: unpack##W(p, out); break;
            WIDTHS32(CASE)
        }
    }
}

// MARK: differences

static inline uint64_t wide(const uint8_t *p, int width, int i) {
    size_t bit = (size_t)i * width;
    uint64_t low = word(p + (bit >> 3)) >> (bit & 7);
    if (width > 56 && (bit & 7)) low |= (uint64_t)p[(bit >> 3) + 8] << (64 - (bit & 7));
    return width == 64 ? low : low & ((1ull << width) - 1);
}
#define SUM(W, i) sum += reference + wide(p, W, i); out[i] = (int64_t)sum;
#define DELTA(W) \
    static uint64_t delta##W(const uint8_t *p, int64_t *out, uint64_t reference, uint64_t sum) { \
        EACH32(SUM, W) return sum; }
#define WIDTHS64(F) \
    WIDTHS32(F) F(33) F(34) F(35) F(36) F(37) F(38) F(39) F(40) F(41) F(42) F(43) F(44) F(45) F(46) F(47) F(48) F(49) \
    F(50) F(51) F(52) F(53) F(54) F(55) F(56) F(57) F(58) F(59) F(60) F(61) F(62) F(63) F(64)
WIDTHS64(DELTA)
static uint64_t delta0(const uint8_t *p, int64_t *out, uint64_t reference, uint64_t sum) {
    (void)p;
    for (int i = 0; i < 32; i++) { sum += reference; out[i] = (int64_t)sum; }
    return sum;
}

static uint64_t varint(const uint8_t **p) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*p)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
}
static int64_t zigzag(const uint8_t **p) {
    uint64_t raw = varint(p);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

size_t c_delta_decode(const uint8_t *bytes, size_t count, int64_t *out) {
    const uint8_t *p = bytes;
    varint(&p);
    size_t miniblocks = varint(&p);
    varint(&p);
    uint64_t sum = (uint64_t)zigzag(&p);
    out[0] = (int64_t)sum;
    size_t done = 1;
    while (done < count) {
        uint64_t reference = (uint64_t)zigzag(&p);
        const uint8_t *widths = p;
        p += miniblocks;
        for (size_t m = 0; m < miniblocks && done < count; m++) {
            int64_t rest[32];
            int64_t *target = count - done >= 32 ? out + done : rest;
            switch (widths[m]) {
            case 0: sum = delta0(p, target, reference, sum); break;
#define DCASE(W) case W: sum = delta##W(p, target, reference, sum); break;
                WIDTHS64(DCASE)
            }
            if (target == rest) memcpy(out + done, rest, (count - done) * 8);
            p += 4 * widths[m];
            done += 32;
        }
    }
    return (size_t)(p - bytes);
}

static uint8_t *put_varint(uint8_t *p, uint64_t value) {
    while (value >= 0x80) { *p++ = (uint8_t)value | 0x80; value >>= 7; }
    *p++ = (uint8_t)value;
    return p;
}
static uint8_t *put_zigzag(uint8_t *p, int64_t value) {
    return put_varint(p, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}
typedef struct { int64_t least, largest; } extent;
static inline int bits(extent e, int64_t reference) {
    if (e.least < reference) return 64;
    uint64_t span = (uint64_t)e.largest - (uint64_t)reference;
    return span ? 64 - __builtin_clzll(span) : 0;
}
static inline int whole(int width) { return width <= 32 ? (width + 7) & ~7 : 64; }
static extent extent_of(const int64_t *differences, size_t count) {
    extent e = {INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < count; i++) {
        if (differences[i] < e.least) e.least = differences[i];
        if (differences[i] > e.largest) e.largest = differences[i];
    }
    return e;
}
static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static int64_t byte_reference(const int64_t *values, size_t differences) {
    size_t used = (differences + 31) / 32;
    extent *extents = malloc(used * sizeof(extent));
    int64_t *minima = malloc(used * 8);
    for (size_t m = 0; m < used; m++) {
        extent e = {INT64_MAX, INT64_MIN};
        size_t end = m * 32 + 32 < differences ? m * 32 + 32 : differences;
        for (size_t i = m * 32; i < end; i++) {
            int64_t d = (int64_t)((uint64_t)values[i + 1] - (uint64_t)values[i]);
            if (d < e.least) e.least = d;
            if (d > e.largest) e.largest = d;
        }
        extents[m] = e;
        minima[m] = e.least;
    }
    qsort(minima, used, 8, ascending);
    int64_t best = minima[0];
    size_t best_width = SIZE_MAX;
    for (size_t q = 0; q < 24; q++) {
        int64_t candidate = minima[q * (used - 1) / 23];
        if (q > 0 && candidate == minima[(q - 1) * (used - 1) / 23]) continue;
        size_t total = 0;
        for (size_t m = 0; m < used && total < best_width; m++) total += (size_t)whole(bits(extents[m], candidate));
        if (total < best_width) { best_width = total; best = candidate; }
    }
    free(extents);
    free(minima);
    return best;
}
static int64_t tight_reference(const extent *extents, size_t used) {
    int64_t best = extents[0].least;
    size_t best_width = SIZE_MAX;
    for (size_t c = 0; c < used; c++) {
        size_t total = 0;
        for (size_t m = 0; m < used; m++) total += (size_t)bits(extents[m], extents[c].least);
        if (total < best_width) { best_width = total; best = extents[c].least; }
    }
    return best;
}
static uint8_t *pack(const int64_t *values, int64_t reference, int width, uint8_t *out) {
    switch (width) {
    case 0: return out;
    case 8: for (int i = 0; i < 32; i++) out[i] = (uint8_t)(values[i] - reference); break;
    case 16: for (int i = 0; i < 32; i++) { uint16_t v = (uint16_t)(values[i] - reference); memcpy(out + 2 * i, &v, 2); } break;
    case 32: for (int i = 0; i < 32; i++) { uint32_t v = (uint32_t)(values[i] - reference); memcpy(out + 4 * i, &v, 4); } break;
    case 64: for (int i = 0; i < 32; i++) { uint64_t v = (uint64_t)values[i] - (uint64_t)reference; memcpy(out + 8 * i, &v, 8); } break;
    default: {
        uint64_t w = 0;
        int filled = 0;
        uint8_t *p = out;
        for (int i = 0; i < 32; i++) {
            uint64_t field = (uint64_t)values[i] - (uint64_t)reference;
            w |= field << filled;
            filled += width;
            if (filled >= 64) {
                memcpy(p, &w, 8);
                p += 8;
                filled -= 64;
                w = filled ? field >> (width - filled) : 0;
            }
        }
        if (filled) { uint32_t half = (uint32_t)w; memcpy(p, &half, 4); }
    }
    }
    return out + 4 * width;
}

size_t c_delta_encode(const int64_t *values, size_t count, int tight, uint8_t *out) {
    size_t block = tight ? 256 : 1024;
    uint8_t *p = put_varint(out, block);
    p = put_varint(p, block / 32);
    p = put_varint(p, count);
    p = put_zigzag(p, count ? values[0] : 0);
    if (count < 2) return (size_t)(p - out);
    size_t differences = count - 1;
    int64_t page = tight ? 0 : byte_reference(values, differences);
    int64_t d[1024];
    extent extents[32];
    for (size_t start = 0; start < differences; start += block) {
        size_t n = differences - start < block ? differences - start : block;
        for (size_t i = 0; i < n; i++) d[i] = (int64_t)((uint64_t)values[start + i + 1] - (uint64_t)values[start + i]);
        size_t used = (n + 31) / 32;
        for (size_t m = 0; m < used; m++) extents[m] = extent_of(d + 32 * m, n - 32 * m < 32 ? n - 32 * m : 32);
        int64_t reference = tight ? tight_reference(extents, used) : page;
        for (size_t i = n; i < used * 32; i++) d[i] = reference;
        p = put_zigzag(p, reference);
        uint8_t *widths = p;
        p += block / 32;
        for (size_t m = 0; m < block / 32; m++) {
            widths[m] = 0;
            if (m >= used) continue;
            int width = bits(extents[m], reference);
            widths[m] = (uint8_t)(tight ? width : whole(width));
            p = pack(d + 32 * m, reference, widths[m], p);
        }
    }
    return (size_t)(p - out);
}

// MARK: doubles

void c_gather(const double *dictionary, size_t entries, const uint32_t *codes, size_t count, double *out, int *bad) {
    uint32_t highest = 0;
    for (size_t i = 0; i < count; i++) highest = codes[i] > highest ? codes[i] : highest;
    *bad = count && highest >= entries;
    if (*bad) return;
    for (size_t i = 0; i < count; i++) out[i] = dictionary[codes[i]];
}

void c_split(const double *values, size_t count, uint8_t *out) {
    const uint64_t *v = (const uint64_t *)values;
    for (int s = 0; s < 8; s++)
        for (size_t i = 0; i < count; i++) out[s * count + i] = (uint8_t)(v[i] >> (8 * s));
}

void c_join(const uint8_t *b, size_t count, double *out) {
    for (size_t i = 0; i < count; i++) {
        uint64_t v = 0;
        for (int s = 0; s < 8; s++) v |= (uint64_t)b[s * count + i] << (8 * s);
        memcpy(out + i, &v, 8);
    }
}

void c_copy(const uint8_t *bytes, size_t count, double *out) { memcpy(out, bytes, count * 8); }

size_t c_scale(const double *values, size_t count, double divisor, int64_t *out) {
    size_t misfits = 0;
    for (size_t i = 0; i < count; i++) {
        double product = values[i] * divisor;
        double anchor = copysign(0x1p52, product);
        double nearest = (fabs(product) < 0x1p52 ? (product + anchor) - anchor : product) + 0.0;
        double back = nearest / divisor;
        uint64_t a, b;
        memcpy(&a, &back, 8);
        memcpy(&b, values + i, 8);
        int exact = a == b && fabs(nearest) < 0x1p53;
        misfits += !exact;
        out[i] = (int64_t)(exact ? nearest : 0);
    }
    return misfits;
}

void c_restore(const int64_t *integers, size_t count, double divisor, double *out) {
    for (size_t i = 0; i < count; i++) out[i] = (double)integers[i] / divisor;
}

// MARK: checksums

static uint32_t table(uint32_t polynomial, uint32_t t[8][256]) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (polynomial & (0u - (crc & 1)));
        t[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
    return 1;
}
static uint32_t by_tables(uint32_t t[8][256], const uint8_t *p, size_t n) {
    uint32_t crc = ~0u;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w = word(p) ^ crc;
        crc = t[7][w & 0xff] ^ t[6][(w >> 8) & 0xff] ^ t[5][(w >> 16) & 0xff] ^ t[4][(w >> 24) & 0xff]
            ^ t[3][(w >> 32) & 0xff] ^ t[2][(w >> 40) & 0xff] ^ t[1][(w >> 48) & 0xff] ^ t[0][w >> 56];
    }
    while (n--) crc = (crc >> 8) ^ t[0][(crc ^ *p++) & 0xff];
    return ~crc;
}
uint32_t c_crc32(const uint8_t *bytes, size_t count) {
    static uint32_t t[8][256], made;
    if (!made) made = table(0xedb88320u, t);
    return by_tables(t, bytes, count);
}
uint32_t c_crc32c(const uint8_t *bytes, size_t count) {
    static uint32_t t[8][256], made;
    if (!made) made = table(0x82f63b78u, t);
    return by_tables(t, bytes, count);
}
