"""``python -m airflow_provider_batch explain``: what the Batch groups of a DAG file are made into."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow import settings

from airflow_provider_batch.task_groups.explanation import explain_group
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup

__all__ = ["EXIT_IMPORT_ERROR", "EXIT_UNKNOWN", "Explanation", "explain"]

EXIT_IMPORT_ERROR = 1
EXIT_UNKNOWN = 2


@dataclass(frozen=True)
class Explanation:
    """
    What the command says.

    :param text: for standard output.
    :param errors: for standard error.
    :param status: exit status.
    """

    text: str = ""
    errors: str = ""
    status: int = 0


def explain(target: str) -> Explanation:
    """
    Explain the Batch groups of one DAG, or of all DAGs in a file. Reads no database.

    :param target: path of a DAG file, or id of a DAG in the folders of Airflow's configuration.
    """
    path = Path(target)
    if path.is_file():
        return _explain_file(path)
    if path.name != target or path.suffix in (".py", ".zip"):
        return Explanation(errors=f"{target} is no file.", status=EXIT_UNKNOWN)
    return _explain_id(target)


def _explain_file(path: Path) -> Explanation:
    _make_importable(settings.DAGS_FOLDER)
    bag = _empty_bag(str(path))
    bag.process_file(str(path.resolve()), only_if_updated=False, safe_mode=False)
    text = "\n\n".join(_explain_dag(bag.dags[dag_id]) for dag_id in sorted(bag.dags))
    if bag.import_errors:
        return Explanation(text, "\n".join(_import_errors(bag)), EXIT_IMPORT_ERROR)
    if not bag.dags:
        return Explanation(errors=f"{path} has no DAG.", status=EXIT_UNKNOWN)
    return Explanation(text)


def _explain_id(dag_id: str) -> Explanation:
    errors: list[str] = []
    folders = []
    for folder in _dag_folders():
        bag = _load_folder(folder)
        if dag_id in bag.dags:
            return Explanation(_explain_dag(bag.dags[dag_id]))
        errors += _import_errors(bag)
        folders.append(folder)
    nothing = f"There is no file and no DAG {dag_id!r}; DAGs were looked for in {', '.join(folders)}."
    # A file that cannot be imported may be the one that has it.
    return Explanation(
        errors="\n".join([*errors, nothing]), status=EXIT_IMPORT_ERROR if errors else EXIT_UNKNOWN
    )


def _explain_dag(dag: Any) -> str:
    groups = [group for group in dag.task_group_dict.values() if isinstance(group, AzureBatchJobTaskGroup)]
    if not groups:
        return f"DAG {dag.dag_id} has no Batch group."
    return "\n\n".join(
        f"DAG {dag.dag_id}, Batch group {group.group_id}\n{explain_group(group)}" for group in groups
    )


def _import_errors(bag: Any) -> list[str]:
    return [f"{path} cannot be imported:\n{error.rstrip()}" for path, error in bag.import_errors.items()]


# --- folders of DAGs -----------------------------------------------------------------------------


def _empty_bag(folder: str) -> Any:
    try:
        module: Any = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:  # older Airflow
        module = importlib.import_module("airflow.models.dagbag")
    return module.DagBag(dag_folder=folder, collect_dags=False)


def _load_folder(folder: str) -> Any:
    _make_importable(folder)
    bag = _empty_bag(folder)
    # Airflow's own examples are none of the user's.
    parameters = inspect.signature(bag.collect_dags).parameters
    bag.collect_dags(folder, **({"include_examples": False} if "include_examples" in parameters else {}))
    return bag


def _dag_folders() -> Iterator[str]:
    try:
        manager: Any = importlib.import_module("airflow.dag_processing.bundles.manager")
    except ImportError:  # Airflow 2
        yield settings.DAGS_FOLDER
        return
    for bundle in manager.DagBundlesManager().get_all_dag_bundles():
        bundle.initialize()
        yield str(bundle.path)


def _make_importable(folder: str) -> None:
    """DAG files import modules from the folder of DAGs."""
    if folder not in sys.path:
        sys.path.append(folder)
