#!/bin/sh
# Runs every fuzz target of the module for FUZZTIME each, one after the other,
# and ends with the plain count.
set -eu
: "${FUZZTIME:=10s}" "${GO:=go}"
mkdir -p build
passed=0 failed=0
for file in $(find . -name '*_test.go' -not -path './build/*' | xargs grep -l '^func Fuzz' | sort); do
    for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
        printf '%s %s\n' "$(dirname "$file")" "$target"
        if $GO test "$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" >build/fuzz.log 2>&1; then
            tail -n 3 build/fuzz.log | sed -n 's/^fuzz: /    /p'
            passed=$((passed + 1))
        else
            cat build/fuzz.log
            failed=$((failed + 1))
        fi
    done
done
echo "$passed passed, $failed failed"
test "$failed" = 0
