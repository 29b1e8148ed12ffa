#!/bin/sh
# Runs every test of every module with the race detector, and ends with how many there were, which
# were left out, and what tests report. GOTESTSUM is the program of that name.
# Never from the cache, which knows nothing of the plugins and the Fluent Bit that tests run.
if [ "${1:-}" = all ]; then
    failed=0
    # The tests of the other modules need what users of the first need not download.
    for module in . tests/kubernetes tests/grafana tests/packages; do
        (cd "$module" && "${GO:-go}" test -json -race -count=1 -timeout 20m ./...) || failed=1
    done
    exit $failed
fi
"$GOTESTSUM" --format pkgname --jsonfile build/tests.json --raw-command sh "$0" all
failed=$?
sed -n '/"Output":"report: /{s/.*"report: \(.*\)\\n".*/\1/;s/\\"/"/g;p;}' build/tests.json
exit $failed
