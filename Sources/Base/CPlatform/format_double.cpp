// Shortest round-trip decimals: std::to_chars (Ryu), laid out as Prometheus's JSON and text writers do.
#include "CPlatform.h"
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

// Values of at most three decimals, as most samples are: 0 where it is none.
//
// A text of at most 15 digits is the only one of so few that reads back as its value, so it is the shortest; and it reads
// back if the division, which rounds to nearest, gives the value.
static size_t shortDecimal(double value, double magnitude, char *out) {
    if (!(magnitude < 1e12) || magnitude == 0) return 0;
    uint64_t thousandths = static_cast<uint64_t>(magnitude * 1000 + 0.5);
    if (static_cast<double>(thousandths) / 1000 != magnitude) return 0;
    char *start = out;
    if (value < 0) *out++ = '-';
    uint64_t whole = thousandths / 1000;
    unsigned fraction = static_cast<unsigned>(thousandths - whole * 1000);
    char digits[16];
    int count = 0;
    do { digits[count++] = static_cast<char>('0' + whole % 10); whole /= 10; } while (whole > 0);
    while (count > 0) *out++ = digits[--count];
    if (fraction > 0) {
        *out++ = '.';
        *out++ = static_cast<char>('0' + fraction / 100);
        fraction %= 100;
        if (fraction > 0) *out++ = static_cast<char>('0' + fraction / 10);
        if (fraction % 10 > 0) *out++ = static_cast<char>('0' + fraction % 10);
    }
    return static_cast<size_t>(out - start);
}

extern "C" size_t varve_format_double(double value, char *out) {
    if (std::isnan(value)) { std::memcpy(out, "NaN", 3); return 3; }
    if (std::isinf(value)) { std::memcpy(out, value > 0 ? "+Inf" : "-Inf", 4); return 4; }
    double magnitude = std::fabs(value);
    if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
        // Go's 'e' format: at least two digits of exponent, which is what to_chars writes.
        return static_cast<size_t>(std::to_chars(out, out + 32, value, std::chars_format::scientific).ptr - out);
    }
    if (magnitude >= 9007199254740992.0) {
        // Fixed notation would print the integer's exact digits; Go pads the shortest ones with zeros.
        char text[32];
        auto stop = std::to_chars(text, text + 32, value, std::chars_format::scientific).ptr;
        size_t length = 0, fraction = 0;
        const char *p = text;
        bool afterPoint = false;
        for (; p < stop && *p != 'e'; p++) {
            if (*p == '.') { afterPoint = true; continue; }
            out[length++] = *p;
            fraction += afterPoint;
        }
        size_t exponent = 0;
        for (p += 2; p < stop; p++) exponent = exponent * 10 + static_cast<size_t>(*p - '0');
        for (size_t i = fraction; i < exponent; i++) out[length++] = '0';
        return length;
    }
    if (size_t length = shortDecimal(value, magnitude, out)) return length;
    auto end = std::to_chars(out, out + 32, value, std::chars_format::fixed).ptr;
    return static_cast<size_t>(end - out);
}
