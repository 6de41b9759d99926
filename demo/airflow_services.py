"""
A real Airflow on this machine: SQLite, LocalExecutor, free loopback ports, everything in one folder.

The version is that of the environment that this runs in. Airflow 3 runs as api-server, scheduler,
dag-processor and triggerer; Airflow 2.11 as webserver, scheduler (which parses the DAGs) and triggerer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from cryptography.fernet import Fernet

from demo.airflow_rest import AirflowRest
from demo.ports import LOOPBACK, free_port
from demo.processes import Service, Services
from demo.waiting import wait_for

AIRFLOW_VERSION = version("apache-airflow")
MAJOR = int(AIRFLOW_VERSION.split(".")[0])
USERNAME = "admin"

#: slowest start seen on two busy cores was a quarter of this
START_LIMIT_SECONDS = 180.0

_COMPONENTS: Mapping[str, tuple[str, ...]] = (
    {
        "api-server": ("api-server",),
        # All services share the log folder, and a log server would listen on every address of this machine.
        "scheduler": ("scheduler", "--skip-serve-logs"),
        "dag-processor": ("dag-processor",),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
    if MAJOR >= 3
    else {
        "webserver": ("webserver",),
        "scheduler": ("scheduler", "--skip-serve-logs"),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
)


class AirflowServices:
    """
    One Airflow.

    :param home: its folder; created. Holds the database, the logs and the password.
    :param dags_folder: where it looks for DAGs.
    :param services: starts and ends the processes.
    :param cache_folder: keeps a migrated database per version of Airflow, since migrating takes longer than
        all else.
    :param connections: connections by id, as JSON objects.
    :param preferred_port: port of the UI when it is free.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        services: Services,
        *,
        cache_folder: Path,
        connections: Mapping[str, Mapping[str, object]] | None = None,
        preferred_port: int = 0,
    ) -> None:
        self.home = home.resolve()
        self._services = services
        self._template = cache_folder.resolve() / f"airflow-{AIRFLOW_VERSION}-{_fingerprint()}"
        self.port = free_port(preferred_port)
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.environment = {
            **_foreign_environment(),
            **_settings(self.home, dags_folder.resolve(), self.port),
            **{f"AIRFLOW_CONN_{id_.upper()}": json.dumps(one) for id_, one in (connections or {}).items()},
        }
        self.password = ""
        self._components: dict[str, Service] = {}
        self._rest: AirflowRest | None = None

    @property
    def rest(self) -> AirflowRest:
        """Client of this Airflow; there once it was started."""
        if self._rest is None:
            self._rest = AirflowRest(self.url, USERNAME, self.password, MAJOR)
        return self._rest

    def start(self) -> None:
        """
        Start all services.

        :raises demo.processes.ServiceDied: when one of them ends.
        """
        self._prepare_home()
        for name in _COMPONENTS:
            self.start_component(name)

    def start_component(self, name: str) -> None:
        """
        Start one of the services.

        :param name: ``api-server`` (2.11: ``webserver``), ``scheduler``, ``dag-processor`` or ``triggerer``.
        """
        command = [*_AIRFLOW, *_COMPONENTS[name]]
        self._components[name] = self._services.start(
            name, command, environment=self.environment, folder=self.home
        )

    def crash(self, name: str) -> None:
        """
        Kill one of the services so that it can do nothing any more.

        :param name: see :meth:`start_component`.
        """
        self._services.crash(self._components.pop(name))

    def wait_until_healthy(self) -> None:
        """Return when every component reports that it works."""
        self._wait(self.rest.healthy, f"Airflow at {self.url} to be healthy")

    def wait_for_dag(self, dag_id: str) -> None:
        """
        Return when the DAG can be run.

        :raises RuntimeError: when a DAG file cannot be parsed; with the trace.
        """

        def parsed() -> bool:
            for error in self.rest.import_errors():
                raise RuntimeError(f"{error['filename']} cannot be parsed:\n{error['stack_trace']}")
            return self.rest.has_dag(dag_id)

        self._wait(parsed, f"the DAG {dag_id} to be parsed")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        def checked() -> bool:
            self._services.check()
            return condition()

        wait_for(checked, what, limit_seconds=START_LIMIT_SECONDS)

    def _prepare_home(self) -> None:
        if not self._template.is_dir():
            _create_template(self._template, self.environment)
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(self._template, self.home, dirs_exist_ok=True)
        self.password = json.loads(_passwords_file(self.home).read_text())[USERNAME]


_AIRFLOW = (sys.executable, "-m", "airflow")
_AUTH_BACKENDS = "airflow.providers.fab.auth_manager.api.auth.backend"


def _settings(home: Path, dags_folder: Path, port: int) -> dict[str, str]:
    """Airflow's options as environment variables: no examples, loopback only, quick to start on two cores."""
    options: dict[tuple[str, str], object] = {
        ("core", "dags_folder"): dags_folder,
        ("core", "executor"): "LocalExecutor",
        ("core", "parallelism"): 4,
        ("core", "load_examples"): False,
        ("core", "simple_auth_manager_users"): f"{USERNAME}:admin",
        ("core", "simple_auth_manager_passwords_file"): _passwords_file(home),
        ("core", "fernet_key"): Fernet.generate_key().decode(),
        ("database", "sql_alchemy_conn"): f"sqlite:///{home}/airflow.db?timeout=30",
        ("logging", "base_log_folder"): home / "logs",
        ("logging", "dag_processor_child_process_log_directory"): home / "logs" / "dag_processor",
        ("scheduler", "child_process_log_directory"): home / "logs" / "scheduler",
        ("scheduler", "scheduler_idle_sleep_time"): 0.3,
        ("scheduler", "parsing_processes"): 1,
        ("scheduler", "dag_dir_list_interval"): 5,
        ("scheduler", "min_file_process_interval"): 300,
        ("dag_processor", "parsing_processes"): 1,
        ("dag_processor", "refresh_interval"): 5,
        ("dag_processor", "min_file_process_interval"): 300,
    }
    secret = secrets.token_hex(32)
    if MAJOR >= 3:
        url = f"http://{LOOPBACK}:{port}"
        options |= {
            ("core", "execution_api_server_url"): f"{url}/execution/",
            ("api", "host"): LOOPBACK,
            ("api", "port"): port,
            ("api", "base_url"): url,
            ("api", "secret_key"): secret,
            ("api", "maximum_page_limit"): 1000,
            ("api_auth", "jwt_secret"): secret,
        }
    else:
        options |= {
            # SQLite locks no rows: a worker that looks for the next tasks too counts their tries twice.
            ("scheduler", "schedule_after_task_execution"): False,
            # The session first: checking the password that comes with each request takes a tenth of a second.
            ("api", "auth_backends"): f"{_AUTH_BACKENDS}.session,{_AUTH_BACKENDS}.basic_auth",
            ("api", "maximum_page_limit"): 1000,
            ("webserver", "web_server_host"): LOOPBACK,
            ("webserver", "web_server_port"): port,
            ("webserver", "base_url"): f"http://{LOOPBACK}:{port}",
            ("webserver", "secret_key"): secret,
            ("webserver", "workers"): 1,
            ("usage_data_collection", "enabled"): False,
        }
    settings = {f"AIRFLOW__{s.upper()}__{o.upper()}": str(value) for (s, o), value in options.items()}
    settings["AIRFLOW_HOME"] = str(home)
    # 2.11 refuses SQLite with any executor that runs tasks side by side. With the write-ahead log that the
    # template switches on, it serves the few tasks of a demo.
    settings["_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK"] = "1"
    return settings


def _foreign_environment() -> dict[str, str]:
    """Return the environment of this process without anything that is meant for an Airflow."""
    return {key: value for key, value in os.environ.items() if "AIRFLOW_" not in key}


def _passwords_file(home: Path) -> Path:
    return home / "passwords.json"


def _fingerprint() -> str:
    """What the template depends on: Python's version and this file."""
    return hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes()).hexdigest()[:12]


def _create_template(template: Path, environment: Mapping[str, str]) -> None:
    """
    Make a home with a migrated database and a login, to be copied.

    Made under another name first: an interrupted attempt must not count as a template.
    """
    making = template.with_name(f"{template.name}.{os.getpid()}")
    making.mkdir(mode=0o700, parents=True)
    try:
        # Airflow would write one with absolute paths of this folder, which is soon another.
        (making / "airflow.cfg").touch()
        database = making / "airflow.db"
        environment = {
            **environment,
            "AIRFLOW_HOME": str(making),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(making / "logs"),
        }
        _run_airflow(["db", "migrate"], environment)
        password = secrets.token_urlsafe(9)
        _passwords_file(making).write_text(json.dumps({USERNAME: password}))
        _passwords_file(making).chmod(0o600)
        if MAJOR < 3:
            person = ["--firstname", "Ada", "--lastname", "Admin", "--email", "admin@example.org"]
            login = ["--username", USERNAME, "--role", "Admin", "--password", password]
            _run_airflow(["users", "create", *login, *person], environment)
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            _never_use_an_id_twice(connection, "trigger")
        connection.close()
        making.rename(template)
    except BaseException:
        shutil.rmtree(making)
        raise


def _never_use_an_id_twice(connection: sqlite3.Connection, table: str) -> None:
    """
    Make an empty table anew so that no id is given a second time, as in every other database.

    SQLite gives the id of a deleted last row to the next one. A trigger that Airflow is about to end, since
    its task was cleared, would count as that of the task's next try, and end it.
    """
    [(statement,)] = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table])
    made, key = re.subn(r"\bid INTEGER NOT NULL", "id INTEGER PRIMARY KEY AUTOINCREMENT", statement)
    made, constraint = re.subn(r",\s*CONSTRAINT \w+ PRIMARY KEY \(id\)", "", made)
    if not key == constraint == 1:
        raise RuntimeError(f"the table {table} is not as expected: {statement}")
    others = connection.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND name != ? AND sql NOT NULL", [table, table]
    ).fetchall()
    for one in (f'DROP TABLE "{table}"', made, *(row[0] for row in others)):
        connection.execute(one)


def _run_airflow(arguments: list[str], environment: Mapping[str, str]) -> None:
    result = subprocess.run(
        [*_AIRFLOW, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(
            f"airflow {arguments[0]} failed with {result.returncode}:\n{result.stdout[-4000:]}"
        )
