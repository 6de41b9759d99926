#!/usr/bin/env bash
# All tests on Airflow 3.3.2; then the provider's on Airflow 2.11.2, the oldest that is supported.
# PYTHON is the Python to make the second environment with, where it can; see python_for_airflow_2.sh.
set -uo pipefail
cd "$(dirname "$0")/.."

status=0

echo "=== Airflow 3.3.2"
.venv/bin/python -m pytest || status=1

echo "=== Airflow 2.11.2"
if python=$(scripts/python_for_airflow_2.sh "${PYTHON:-python3}"); then
    # What these leave out does not depend on Airflow's version, or is there for Airflow 3 only.
    make --no-print-directory PYTHON="$python" .venv-airflow-2.11/installed &&
        .venv-airflow-2.11/bin/python -m pytest tests/unit tests/integration tests/system \
            --ignore tests/unit/emulator --ignore tests/integration/test_compose.py \
            --ignore tests/integration/test_demo_processes.py --ignore tests/system/test_demo.py \
            --ignore tests/system/test_compose_services.py || status=1
else
    echo "SKIPPED: Airflow 2.11 runs on Python 3.10 to 3.12, and none of them is on the PATH."
fi
exit $status
