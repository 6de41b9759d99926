"""The command line: ``python -m airflow_provider_batch explain <dag file or dag id>``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    :param arguments: what follows the name of the program.
    :return: exit status: 0, 1 when a file cannot be imported, 2 when there is no such file or DAG.
    """
    options = _parser().parse_args(arguments)
    # What Airflow and DAG files print is not the answer.
    with redirect_stdout(sys.stderr):
        from airflow_provider_batch.explain_command import explain

        explanation = explain(options.dag)
    if explanation.text:
        sys.stdout.write(f"{explanation.text}\n")
    if explanation.errors:
        sys.stderr.write(f"{explanation.errors}\n")
    return explanation.status


def _parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m airflow_provider_batch", description="Azure Batch for Apache Airflow."
    )
    command = root.add_subparsers(required=True, metavar="command").add_parser(
        "explain",
        help="show which edges of a DAG's Batch groups Batch holds, which ones Airflow holds, and why",
        description="Show for each Batch group which edges Batch holds, which ones Airflow holds, and why; "
        "which members start in the triggerer, and which on a worker. The DAG file is executed, as Airflow "
        "does it; no database is needed.",
    )
    command.add_argument("dag", metavar="DAG", help="a DAG file, or the id of a DAG in Airflow's DAG folders")
    return root


if __name__ == "__main__":
    sys.exit(main())
