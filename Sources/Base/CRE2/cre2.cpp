// RE2 behind a C header: linear-time matching of patterns that come from outside.
#include "CRE2.h"
#include <cstring>
#include <new>
#include <re2/re2.h>
#include <string>
#include <vector>

struct varve_re2 {
    re2::RE2 regex;
    varve_re2(re2::StringPiece pattern, const re2::RE2::Options &options) : regex(pattern, options) {}
};

static re2::RE2::Options options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_max_mem(8 << 20);
    return options;
}

// Go's words, which Prometheus's users know.
static const char *reason(const re2::RE2 &regex) {
    switch (regex.error_code()) {
    case re2::RE2::ErrorBadEscape: return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass: return "invalid character class";
    case re2::RE2::ErrorBadCharRange: return "invalid character class range";
    case re2::RE2::ErrorMissingBracket: return "missing closing ]";
    case re2::RE2::ErrorMissingParen: return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen: return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash: return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument: return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize: return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp: return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp: return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8: return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture: return "invalid named capture";
    case re2::RE2::ErrorPatternTooLarge: return "expression too large";
    default: return regex.error().c_str();
    }
}

static void copy(const char *text, char *target, size_t capacity) {
    if (capacity == 0) return;
    std::strncpy(target, text, capacity - 1);
    target[capacity - 1] = 0;
}

extern "C" varve_re2 *varve_re2_compile(
    const char *pattern, size_t length, char *why, size_t why_capacity, char *place, size_t place_capacity) {
    auto *compiled = new (std::nothrow) varve_re2(re2::StringPiece(pattern, length), options());
    if (compiled && compiled->regex.ok()) return compiled;
    copy(compiled ? reason(compiled->regex) : "out of memory", why, why_capacity);
    copy(compiled ? compiled->regex.error_arg().c_str() : "", place, place_capacity);
    delete compiled;
    return nullptr;
}

extern "C" void varve_re2_free(varve_re2 *regex) { delete regex; }

extern "C" bool varve_re2_full_match(const varve_re2 *regex, const char *text, size_t length) {
    return re2::RE2::FullMatch(re2::StringPiece(text, length), regex->regex);
}

extern "C" int varve_re2_group_count(const varve_re2 *regex) { return regex->regex.NumberOfCapturingGroups(); }

extern "C" int varve_re2_group_index(const varve_re2 *regex, const char *name, size_t length) {
    const auto &groups = regex->regex.NamedCapturingGroups();
    auto found = groups.find(std::string(name, length));
    return found == groups.end() ? 0 : found->second;
}

extern "C" bool varve_re2_capture(
    const varve_re2 *regex, const char *text, size_t length, long *starts, long *lengths, int capacity) {
    if (capacity <= 0) return false;
    std::vector<re2::StringPiece> groups(static_cast<size_t>(capacity));
    re2::StringPiece whole(text, length);
    if (!regex->regex.Match(whole, 0, length, re2::RE2::ANCHOR_BOTH, groups.data(), capacity)) return false;
    for (int i = 0; i < capacity; i++) {
        starts[i] = groups[i].data() ? groups[i].data() - text : 0;
        lengths[i] = groups[i].data() ? static_cast<long>(groups[i].size()) : -1;
    }
    return true;
}
