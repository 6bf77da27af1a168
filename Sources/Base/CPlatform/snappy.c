// Snappy's block format, unpacked (https://github.com/google/snappy/blob/main/format_description.txt).
//
// What remote write sends is long copies: one series' labels repeat those of the one before. So copies move 32 or 64
// bytes at once, whatever their length, as long as both ends are far enough away, and all three kinds of copy take one
// path, told apart by a table.
//
// Nothing is read outside of [in, in + count) or written outside of [out, out + length), whatever the bytes say.
#include "CPlatform.h"
#include <string.h>

// Of a tag: the length of its copy, and the high bits of a one-byte offset above it.
#define ENTRY(t) (((t) & 3) == 1 ? (4 + (((t) >> 2) & 7)) | (((t) & 0xe0) << 3) << 8 : ((t) >> 2) + 1)
#define FOUR(t) ENTRY(t), ENTRY((t) + 1), ENTRY((t) + 2), ENTRY((t) + 3)
#define SIXTEEN(t) FOUR(t), FOUR((t) + 4), FOUR((t) + 8), FOUR((t) + 12)
#define SIXTY_FOUR(t) SIXTEEN(t), SIXTEEN((t) + 16), SIXTEEN((t) + 32), SIXTEEN((t) + 48)
static const uint32_t copies[256] = {SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128), SIXTY_FOUR(192)};
static const uint32_t offsetMask[4] = {0, 0xff, 0xffff, 0xffffffff};

// 1, 2 or 4: computed, because the place of the next tag waits for it.
static inline size_t offsetBytes(uint32_t tag) { return (tag & 3) == 3 ? 4 : tag & 3; }

// So far from the end of either side nothing that the fast loop touches lies outside: a tag, and 64 bytes after it.
enum { MARGIN = 80, LONGEST_SHORT_LITERAL = 60 };

// Right also when `to` lies 16 bytes or more after `from` and both overlap.
static inline void move32(uint8_t *to, const uint8_t *from) {
    uint8_t block[16];
    memcpy(block, from, 16);
    memcpy(to, block, 16);
    memcpy(block, from + 16, 16);
    memcpy(to + 16, block, 16);
}

static inline uint32_t little(const uint8_t *p, size_t bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++) value |= (uint32_t)p[i] << (8 * i);
    return value;
}

int varve_snappy_decompress(const void *in, size_t count, void *out, size_t length) {
    const uint8_t *ip = in, *const end = ip + count;
    uint8_t *op = out;
    const uint8_t *const start = op, *const outEnd = op + length;

    // The length that the caller has read already.
    uint64_t declared = 0;
    for (int shift = 0;; shift += 7) {
        if (ip == end || shift > 28) return -1;
        declared |= (uint64_t)(*ip & 0x7f) << shift;
        if (*ip++ < 0x80) break;
    }
    if (declared != length) return -1;

    const uint8_t *const fastEnd = end - ip > MARGIN ? end - MARGIN : ip;
    const uint8_t *const fastOutEnd = length > MARGIN ? outEnd - MARGIN : op;
    while (ip < end) {
        while (ip < fastEnd && op < fastOutEnd) {
            const uint32_t tag = *ip;
            if ((tag & 3) == 0) {
                const size_t literal = (tag >> 2) + 1;
                if (literal > LONGEST_SHORT_LITERAL) break;
                move32(op, ip + 1);
                if (literal > 32) move32(op + 32, ip + 33);
                op += literal;
                ip += 1 + literal;
                continue;
            }
            uint32_t field;
            memcpy(&field, ip + 1, 4);
            const size_t copy = copies[tag] & 0xff;
            const size_t offset = (size_t)(field & offsetMask[tag & 3]) + (copies[tag] >> 8);
            if (__builtin_expect(offset - 1 >= (size_t)(op - start), 0)) return -1;
            ip += 1 + offsetBytes(tag);
            const uint8_t *from = op - offset;
            if (__builtin_expect(offset >= 16, 1)) {
                move32(op, from);
                if (copy > 32) move32(op + 32, from + 32);
            } else {
                // What is copied may be what this copy has just written.
                for (size_t i = 0; i < copy; i++) op[i] = from[i];
            }
            op += copy;
        }
        if (ip == end) break;

        // One element with every check.
        const uint32_t tag = *ip++;
        if ((tag & 3) == 0) {
            size_t literal = tag >> 2;
            if (literal >= LONGEST_SHORT_LITERAL) {
                const size_t bytes = literal - LONGEST_SHORT_LITERAL + 1;
                if ((size_t)(end - ip) < bytes) return -1;
                literal = little(ip, bytes);
                ip += bytes;
            }
            literal++;
            if (literal > (size_t)(end - ip) || literal > (size_t)(outEnd - op)) return -1;
            memcpy(op, ip, literal);
            op += literal;
            ip += literal;
            continue;
        }
        const size_t bytes = offsetBytes(tag);
        if ((size_t)(end - ip) < bytes) return -1;
        const size_t copy = copies[tag] & 0xff;
        const size_t offset = (size_t)little(ip, bytes) + (copies[tag] >> 8);
        ip += bytes;
        if (offset - 1 >= (size_t)(op - start) || copy > (size_t)(outEnd - op)) return -1;
        for (size_t i = 0; i < copy; i++) op[i] = (op - offset)[i];
        op += copy;
    }
    return op == outEnd ? 0 : -1;
}
