"""
What it costs to parse a DAG file: CPU of a fresh process, which Airflow has for each file each time.

Run it with ``python -m benchmarks.parsing``; ``--help`` tells of more runs. By turns, each process parses one
of three files that draw the same: with Airflow's ``BashOperator`` in a plain task group, with tasks of the
provider there, and with a Batch group. Time begins when ``airflow.sdk`` is imported, and ends when the DAG is
complete, as Airflow completes it before it is serialised. The first process of each kind does not count: it
may write bytecode.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

IMPORT_MS = 50
"""What the import of the operators may take."""

_FILE = """
import time, warnings
warnings.simplefilter("ignore")
import airflow.sdk
begun = time.process_time()
{imports}
imported = time.process_time()
from airflow.sdk import DAG, TaskGroup
with DAG("d") as dag, {group}:
    first = {operator}(task_id="first", {argument}="a"{pool})
    each = {operator}.partial(task_id="each"{pool}).expand({argument}=["a", "b"])
    last = {operator}(task_id="last", {argument}="a"{pool})
    first >> each >> last
for task in dag.tasks:
    task.resolve_template_files()
print(1000 * (imported - begun), 1000 * (time.process_time() - begun))
"""
_TASK = "from airflow_provider_batch.operators.task import AzureBatchTaskOperator"
_CASES = {
    "BashOperator": {
        "imports": "from airflow.providers.standard.operators.bash import BashOperator",
        "operator": "BashOperator",
        "argument": "bash_command",
        "group": 'TaskGroup("g")',
        "pool": "",
    },
    "AzureBatchTaskOperator": {
        "imports": _TASK,
        "operator": "AzureBatchTaskOperator",
        "argument": "command_line",
        "group": 'TaskGroup("g")',
        "pool": ', batch_pool_id="p"',
    },
    "a group": {
        "imports": f"{_TASK}\nfrom airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup",
        "operator": "AzureBatchTaskOperator",
        "argument": "command_line",
        "group": 'AzureBatchJobTaskGroup("g", batch_pool_id="p")',
        "pool": "",
    },
}


def parse(case: str) -> tuple[float, float]:
    """
    Parse a file in a new process.

    :param case: what the file is made of.
    :return: CPU milliseconds of its imports, and of all of it.
    """
    command = [sys.executable, "-c", _FILE.format(**_CASES[case])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imports, whole = done.stdout.split()[-2:]
    return float(imports), float(whole)


def main() -> int:
    """Print a table; the result is 1 when the imports take more than they may."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    arguments.add_argument("--runs", type=int, default=25, help="processes of each kind (%(default)s)")
    runs = arguments.parse_args().runs
    for case in _CASES:
        parse(case)
    found = [{case: parse(case) for case in _CASES} for _ in range(runs)]
    print("| | imports | ... least | the whole file | ... least |\n|---|---|---|---|---|")
    slow = []
    for case in _CASES:
        imports, whole = zip(*(each[case] for each in found), strict=True)
        row = [statistics.median(imports), min(imports), statistics.median(whole), min(whole)]
        print(f"| {case} |" + "".join(f" {value:.0f} ms |" for value in row))
        slow += [case] if row[0] > IMPORT_MS else []
    for case in slow:
        print(f"The imports of {case} take more than {IMPORT_MS} ms.")
    return bool(slow)


if __name__ == "__main__":
    sys.exit(main())
