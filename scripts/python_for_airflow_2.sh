#!/usr/bin/env bash
# Prints the first Python that Airflow 2.11 supports: the given one, or another on the PATH. Fails when there is none.
set -uo pipefail

for candidate in "$@" python3.12 python3.11 python3.10; do
    # A command can exist and still not run: version managers leave such.
    if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
exit 1
