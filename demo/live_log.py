"""Follow the logs of all task instances of a run, as the web UI shows them, while they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from demo.airflow_rest import AirflowRest, TaskInstance


@dataclass
class _Position:
    """
    How far one try's log has been read.

    :param lines: serves where Airflow gives no continuation token.
    :param folded: whether a group is open, which the UI shows folded.
    """

    token: str | None = None
    lines: int = 0
    folded: bool = False


@dataclass
class LiveLog:
    """
    The unread lines of a run.

    :param rest: client of the Airflow that runs it.
    """

    rest: AirflowRest
    dag_id: str
    run_id: str
    _positions: dict[tuple[str, int], _Position] = field(default_factory=dict)
    _ended: set[tuple[str, int]] = field(default_factory=set)

    def new_lines(self) -> Iterator[tuple[TaskInstance, str]]:
        """Read every started task instance once; yield what is new and stands in no folded group."""
        for task in self.rest.task_instances(self.dag_id, self.run_id):
            key = (task.name, task.try_number)
            if task.try_number < 1 or task.state in (None, "scheduled", "queued") or key in self._ended:
                continue
            for line in self._unread(task, self._positions.setdefault(key, _Position())):
                yield task, line
            # The state was read before the log: a log read after the end is whole.
            if task.finished:
                self._ended.add(key)

    def _unread(self, task: TaskInstance, position: _Position) -> list[str]:
        continued = position.token is not None
        lines, position.token = self.rest.log_page(self.dag_id, self.run_id, task, position.token)
        fresh = lines if continued else lines[position.lines :]
        position.lines += len(fresh)
        return list(_unfolded(fresh, position))


def _unfolded(lines: list[str], position: _Position) -> Iterator[str]:
    """Leave out what stands in groups: Airflow's own preparations."""
    for line in lines:
        if line.startswith("::group::"):
            position.folded = True
        elif line.startswith("::endgroup::"):
            position.folded = False
        elif not position.folded:
            yield line


_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)


class TaskPrefix:
    """
    Prefixes lines with the name of their task instance, each in a colour of its own on a terminal.

    :param coloured: whether to use colours.
    """

    def __init__(self, coloured: bool) -> None:
        self._coloured = coloured
        self._colour_of: dict[str, int] = {}

    def __call__(self, task: TaskInstance, line: str) -> str:
        """Return the line with its prefix."""
        label = f"{task.name:>9} |"
        if self._coloured:
            colour = self._colour_of.setdefault(task.name, _COLOURS[len(self._colour_of) % len(_COLOURS)])
            label = f"\033[{colour}m{label}\033[0m"
        return f"{label} {line}"
