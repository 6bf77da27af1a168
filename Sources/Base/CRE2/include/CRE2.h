#ifndef VARVE_CRE2_H
#define VARVE_CRE2_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct varve_re2 varve_re2;

/// Compiles `pattern` (RE2 syntax, UTF-8, dot matches newline). Never throws or prints. NULL when the pattern is bad or
/// too large; then `reason` holds a NUL-terminated reason in the words of Go's regexp/syntax, and `place` the part of the
/// pattern that it is about.
varve_re2 *varve_re2_compile(
    const char *pattern, size_t length, char *reason, size_t reason_capacity, char *place, size_t place_capacity);
void varve_re2_free(varve_re2 *regex);

/// Whether the whole of `text` matches.
bool varve_re2_full_match(const varve_re2 *regex, const char *text, size_t length);

/// How many capture groups the pattern has, the whole match not counted.
int varve_re2_group_count(const varve_re2 *regex);

/// Index (1...) of the named group, 0 when there is none.
int varve_re2_group_index(const varve_re2 *regex, const char *name, size_t length);

/// Matches the whole of `text`; fills `starts` and `lengths` for group 0 and up to `capacity - 1` more; a group that took
/// no part has length -1. Returns false when there is no match.
bool varve_re2_capture(const varve_re2 *regex, const char *text, size_t length, long *starts, long *lengths, int capacity);

#ifdef __cplusplus
}
#endif
#endif
