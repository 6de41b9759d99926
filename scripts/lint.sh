#!/usr/bin/env bash
# All checks that do not run the code; each says what it found, whatever the others found.
set -uo pipefail
cd "$(dirname "$0")/.."

status=0
check() {
    echo "$*"
    ".venv/bin/$1" "${@:2}" || status=1
}

check ruff check
check ruff format --check
check mypy --strict
check lint-imports
exit $status
