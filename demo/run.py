"""
``make demo``: a real Airflow runs the example DAG ``word_count`` on the Batch emulator.

Read :func:`demonstrate` for the steps. ``KEEP=1`` keeps everything up afterwards, until Ctrl-C.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from demo.airflow_services import AIRFLOW_VERSION, USERNAME, AirflowServices
from demo.emulator_service import CONNECTION_ID, EmulatorService
from demo.file_server import FileServer
from demo.live_log import LiveLog, TaskPrefix
from demo.processes import Services, exit_on_sigterm

PROJECT = Path(__file__).resolve().parent.parent
CACHE = PROJECT / ".demo"
DAGS = PROJECT / "example_dags"

DAG_ID = "word_count"
UI_PORT = 8080
EMULATOR_PORT = 10010
RUN_LIMIT_SECONDS = 300.0


class RunFailed(RuntimeError):
    """The DAG run did not succeed."""


def demonstrate(folder: Path, *, keep: bool) -> None:
    """
    Start everything, run the DAG, show what its tasks print, and end everything.

    :param folder: gets all that the services write.
    :param keep: whether to stay up until Ctrl-C.
    """
    started = time.monotonic()
    with Services(folder / "services") as services, FileServer(DAGS / DAG_ID) as files:
        emulator = EmulatorService(services, folder / "batch", preferred_port=EMULATOR_PORT)
        emulator.start()
        say(f"Batch emulator   {emulator.url}{instead_of(EMULATOR_PORT, emulator.url)}")

        airflow = AirflowServices(
            folder / "airflow",
            DAGS,
            services,
            cache_folder=CACHE,
            connections={CONNECTION_ID: emulator.connection},
            preferred_port=UI_PORT,
        )
        say(f"Airflow {AIRFLOW_VERSION}    {airflow.url}{instead_of(UI_PORT, airflow.url)}; starting")
        airflow.start()
        airflow.wait_until_healthy()
        airflow.wait_for_dag(DAG_ID)

        airflow.rest.unpause(DAG_ID)
        run_id = airflow.rest.trigger(DAG_ID, {"files_url": files.url})
        say(f"DAG {DAG_ID}   {airflow.url}/dags/{DAG_ID}/runs/{run_id}\n")
        merged = follow(services, airflow, run_id)

        say(f"\nThe result, after {time.monotonic() - started:.0f} s:\n")
        say("\n".join(word_table(merged)))
        if keep:
            say(f"\nUI: {airflow.url}   login: {USERNAME}   password: {airflow.password}\nCtrl-C ends it.")
            stay_up(services)
        else:
            say(f"\nThe UI was at {airflow.url}; KEEP=1 make demo keeps it up.")


def follow(services: Services, airflow: AirflowServices, run_id: str) -> list[str]:
    """
    Print what the tasks print, as it arrives in Airflow's logs, until the run has ended.

    :return: the lines of the task ``merge``.
    :raises RunFailed: when the run ends in another state than success.
    """
    log = LiveLog(airflow.rest, DAG_ID, run_id)
    prefixed = TaskPrefix(coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    merged: list[str] = []
    deadline = time.monotonic() + RUN_LIMIT_SECONDS
    while True:
        services.check()
        # The state is read before the logs: what is read after the end is all there is.
        state = airflow.rest.run_state(DAG_ID, run_id)
        for task, line in log.new_lines():
            say(prefixed(task, line))
            if task.task_id == "merge":
                merged.append(line)
        if state == "success":
            return merged
        if state == "failed":
            raise RunFailed("the run failed; the lines above say why")
        if time.monotonic() > deadline:
            raise TimeoutError(f"the run is still {state} after {RUN_LIMIT_SECONDS:.0f} s")
        time.sleep(0.5)


def word_table(merged: list[str]) -> list[str]:
    """Pick the table that ``merge.py`` printed out of the log of its task."""
    rows = (re.search(r" *\d+  [a-z']+$|\d+ words, .*$", line) for line in merged)
    return [f"  {row[0]}" for row in rows if row]


def stay_up(services: Services) -> None:
    """Return at Ctrl-C."""
    try:
        while True:
            services.check()
            time.sleep(1)
    except KeyboardInterrupt:
        say("\nEnding.")


def instead_of(wanted: int, url: str) -> str:
    """Say so when a service had to take another port."""
    return "" if urlsplit(url).port == wanted else f" (port {wanted} is taken)"


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def main() -> int:
    """Run the demo; returns the exit status."""
    exit_on_sigterm()
    folder = Path(tempfile.mkdtemp(prefix="batch-demo-"))
    try:
        demonstrate(folder, keep=os.environ.get("KEEP", "") not in ("", "0"))
    except (RuntimeError, TimeoutError) as error:
        print(f"\nThe demo failed: {error}\nLogs of the services: {folder / 'services'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted; everything that was started has ended.")
        shutil.rmtree(folder)
        return 130
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
