// Shortest round-trip decimals: std::to_chars (Ryu), laid out as Prometheus's JSON and text writers do.
#include "CPlatform.h"
#include <charconv>
#include <cmath>
#include <cstring>

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
    auto end = std::to_chars(out, out + 32, value, std::chars_format::fixed).ptr;
    return static_cast<size_t>(end - out);
}
