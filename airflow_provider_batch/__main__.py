"""The command line: ``python -m airflow_provider_batch explain <DAG>``, and ``pool <id>``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    :param arguments: what follows the name of the program.
    :return: exit status: 0, 1 when a file cannot be imported or a pool not be seen, 2 when there is no such
        file or DAG.
    """
    options = _parser().parse_args(arguments)
    # What Airflow and DAG files print is not the answer.
    with redirect_stdout(sys.stderr):
        text, errors, status = options.run(options)
    sys.stdout.write(text)
    sys.stderr.write(errors)
    return int(status)


def _explain(options: argparse.Namespace) -> tuple[str, str, int]:
    from airflow_provider_batch.explain_command import explain

    said = explain(options.dag)
    text, errors = (f"{part}\n" if part else "" for part in (said.text, said.errors))
    return text, errors, said.status


def _pool(options: argparse.Namespace) -> tuple[str, str, int]:
    from airflow_provider_batch.pool_command import show_pool

    return show_pool(options.pool, options.conn_id, as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m airflow_provider_batch", description="Azure Batch for Apache Airflow."
    )
    commands = root.add_subparsers(required=True, metavar="command")
    command = commands.add_parser(
        "explain",
        help="show which edges of a DAG's Batch groups Batch holds, which ones Airflow holds, and why",
        description="Show for each Batch group which edges Batch holds, which ones Airflow holds, and why; "
        "which members start in the triggerer, and which on a worker. The DAG file is executed, as Airflow "
        "does it; no database is needed.",
    )
    command.add_argument("dag", metavar="DAG", help="a DAG file, or the id of a DAG in Airflow's DAG folders")
    command.set_defaults(run=_explain)
    command = commands.add_parser(
        "pool",
        help="show how a pool is: allocation, nodes by state, busy slots, errors, its formula",
        description="Show how a pool is: allocation, nodes by state, busy slots, resize errors, broken "
        "nodes, and what its formula came to. Nothing is changed.",
    )
    command.add_argument("pool", metavar="POOL", help="id of the pool")
    command.add_argument(
        "--conn-id", default="azure_batch_account_default", help="Airflow connection of the Batch account"
    )
    command.add_argument("--json", action="store_true", help="one JSON object, for a program")
    command.set_defaults(run=_pool)
    return root


if __name__ == "__main__":
    sys.exit(main())
