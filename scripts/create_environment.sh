#!/usr/bin/env bash
# Creates a virtual environment with this project (editable), the emulator, the development tools and one Airflow,
# every version pinned:
#
#     scripts/create_environment.sh <python> <folder of the environment> <airflow version> [<dependency group, dev>]
#
# Uses plain pip, so your own pip settings (mirrors, proxies, caches) apply.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1 folder=$2 airflow=$3 group=${4:-dev}
constraints="$PWD/constraints/airflow-$airflow.txt"

if [ ! -f "$constraints" ]; then
    echo "There are no constraints for Airflow $airflow: $constraints" >&2
    exit 2
fi

if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
    echo "Python 3.10 to 3.13 is needed, and '$python' is $("$python" --version 2>/dev/null || echo 'not a Python')." >&2
    echo "Name another one: make PYTHON=python3.12 ..." >&2
    exit 2
fi

echo "Creating $folder with $("$python" --version) and Airflow $airflow (some minutes the first time)"
rm -rf "$folder"
"$python" -m venv "$folder"

# As an environment variable the pins also hold for what pip installs to build the project.
export PIP_CONSTRAINT="$constraints" PIP_DISABLE_PIP_VERSION_CHECK=1
pip() { "$folder/bin/python" -m pip "$@"; }

pip install -qq --upgrade pip # dependency groups need pip 25.1
pip install -qq --group "$group" --editable '.[emulator,management]' \
    "apache-airflow==$airflow" apache-airflow-providers-standard
pip check
