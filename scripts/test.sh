#!/usr/bin/env bash
# All tests on Airflow 3.3.2, and the provider's on Airflow 2.11.2, the oldest that is supported.
# PYTHON is the Python to make the second environment with, where it can; see python_for_airflow_2.sh.
# Tests in a whole Airflow mostly wait: those of both run side by side, which halves the time.
set -uo pipefail
cd "$(dirname "$0")/.."

status=0
log=$(mktemp "${TMPDIR:-/tmp}/airflow-2.11-tests.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT

# What these leave out does not depend on Airflow's version, or is there for Airflow 3 only.
on_airflow_2() {
    .venv-airflow-2.11/bin/python -m pytest tests/unit tests/integration tests/system \
        --ignore tests/unit/emulator --ignore tests/integration/test_compose.py \
        --ignore tests/integration/test_demo_processes.py --ignore tests/system/test_demo.py \
        --ignore tests/system/test_compose_services.py
}

second=
if python=$(scripts/python_for_airflow_2.sh "${PYTHON:-python3}"); then
    make --no-print-directory PYTHON="$python" .venv-airflow-2.11/installed || status=1
    second=yes
fi

scripts/install_chromium.sh || status=1

echo "=== Airflow 3.3.2"
.venv/bin/python -m pytest --ignore tests/system || status=1

if [ "$second" ]; then
    on_airflow_2 >"$log" 2>&1 </dev/null &
    pid=$!
fi

echo "=== Airflow 3.3.2, in whole Airflows"
.venv/bin/python -m pytest tests/system || status=1

echo "=== Airflow 2.11.2"
if [ "$second" ]; then
    wait "$pid" || status=1
    cat "$log"
else
    echo "SKIPPED: Airflow 2.11 runs on Python 3.10 to 3.12, and none of them is on the PATH."
fi
exit $status
