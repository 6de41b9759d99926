#!/usr/bin/env bash
# Resolves the constraints files anew; needs uv. See README.md beside this file.
set -euo pipefail
cd "$(dirname "$0")/.."

resolve() { # resolve <python> <constraints of the pythons before> <requirements...>: prints package==version lines
    local python=$1 settled=$2
    shift 2
    printf '%s\n' "$@" |
        uv pip compile --quiet --python-version "$python" --no-header --no-annotate --no-emit-index-url \
            --no-emit-find-links --constraints "$settled" --extra emulator --extra management --group dev \
            - pyproject.toml
}

refresh() { # refresh <airflow version> <pythons, oldest first...>
    local airflow=$1 file="constraints/airflow-$1.txt" settled
    shift
    settled=$(mktemp)
    # The oldest Python decides the versions; later ones only add what they alone need.
    for python in "$@"; do
        resolve "$python" "$settled" "apache-airflow[postgres]==$airflow" apache-airflow-providers-standard 'hatchling' 'pip>=25.1' |
            cat - "$settled" | LC_ALL=C sort --unique --output "$settled.next"
        mv "$settled.next" "$settled"
    done
    mv "$settled" "$file"
    chmod 644 "$file"
    echo "$file: $(wc -l <"$file") packages"
}

refresh 3.3.2 3.10 3.11 3.12 3.13
refresh 2.11.2 3.10 3.11 3.12
