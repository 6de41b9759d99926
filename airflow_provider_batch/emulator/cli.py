"""``batch-emulator serve``: options, checks before anything listens, and a clean end."""

from __future__ import annotations

import argparse
import base64
import errno
import ipaddress
import logging
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from airflow_provider_batch.emulator import (
    DEFAULT_ACCOUNT_KEY,
    DEFAULT_ACCOUNT_NAME,
    DEFAULT_LOCATION,
    DEFAULT_PORT,
    DEFAULT_RESOURCE_GROUP,
    DEFAULT_SUBSCRIPTION_ID,
)
from airflow_provider_batch.emulator.model.assumptions import Assumptions, parse_assumption
from airflow_provider_batch.emulator.model.sizes import is_well_formed
from airflow_provider_batch.emulator.storage.auto_storage import AutoStorage
from airflow_provider_batch.emulator.wire.signature import decode_key

EXIT_USAGE = 2
_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_ADDRESS_PARTS = (
    ("subscription_id", re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"), "a GUID"),
    ("resource_group", re.compile(r"[\w.()-]{1,90}"), "up to 90 letters, digits and _ - . ( )"),
    ("location", re.compile(r"[a-z0-9]{1,64}"), "lower-case letters and digits"),
)
_LOG_LEVELS = ("critical", "error", "warning", "info", "debug")


class StartError(Exception):
    """The emulator cannot start as asked; the text says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        return _serve(options)
    except StartError as error:
        sys.stderr.write(f"batch-emulator: {error}\n")
        return EXIT_USAGE


def parser() -> argparse.ArgumentParser:
    """The command line that ``batch-emulator`` understands."""
    root = argparse.ArgumentParser(
        prog="batch-emulator",
        description="A local stand-in for the Azure Batch service. It RUNS the commands that it is given.",
    )
    serve = root.add_subparsers(required=True, metavar="command").add_parser(
        "serve",
        help="listen and serve until SIGINT or SIGTERM",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="port to listen on; 0 takes a free one"
    )
    serve.add_argument("--account-name", default=DEFAULT_ACCOUNT_NAME, help="name of the Batch account")
    serve.add_argument(
        "--account-key",
        default=DEFAULT_ACCOUNT_KEY,
        help="base64 key of the account; 'random' makes one and prints it on stderr; the default is public",
    )
    serve.add_argument(
        "--root",
        type=Path,
        help="folder for the account's state and the nodes' files, with which the next start goes on; "
        "everything is temporary when not given",
    )
    serve.add_argument(
        "--node-start-seconds",
        type=_seconds,
        help="time that a node takes from allocation to idle; 0.2, or what an account that goes on had",
    )
    serve.add_argument(
        "--time-scale",
        type=_scale,
        default=1.0,
        metavar="N",
        help="seconds that pass for the account in one real second; tasks' processes are not faster",
    )
    serve.add_argument(
        "--executor",
        choices=("local", "simulated"),
        default="local",
        help="local runs commands here; simulated runs nothing: tasks only take time, see docs/emulator.md",
    )
    serve.add_argument(
        "--simulated-seconds",
        type=_simulated_seconds,
        default="1",
        metavar="SECONDS",
        help="how long a simulated command takes that does not say: a number, or a range such as 2..10",
    )
    serve.add_argument(
        "--container-runtime",
        metavar="PROGRAM",
        help="docker, podman or a path: runs the tasks that have container settings; without it they fail",
    )
    serve.add_argument(
        "--vm-size",
        type=_vm_size,
        action="append",
        default=[],
        metavar="NAME",
        help="a further VM size that pools may have, newer than the emulator's list; may be repeated",
    )
    serve.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name that requests may give as their Host; may be repeated",
    )
    serve.add_argument(
        "--allow-non-loopback",
        action="store_true",
        help="permit a --host that other machines reach; they can then run commands here",
    )
    serve.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an answer to an open question about Azure Batch, see docs/assumptions.md; may be repeated",
    )
    _add_management_options(serve)
    serve.add_argument(
        "--assume-seed",
        type=int,
        metavar="N",
        help="let a number choose an answer to every open question; --assume goes before it",
    )
    serve.add_argument("--log-level", choices=_LOG_LEVELS, default="warning", help="how much goes to stderr")
    return root


def _add_management_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--subscription-id", default=DEFAULT_SUBSCRIPTION_ID, help="subscription on the management plane"
    )
    serve.add_argument(
        "--resource-group", default=DEFAULT_RESOURCE_GROUP, help="resource group on the management plane"
    )
    serve.add_argument("--location", default=DEFAULT_LOCATION, help="region on the management plane")
    serve.add_argument(
        "--bearer-token",
        help="the only bearer token that is accepted; without it any passes from this machine, as long as "
        "the account has the public key",
    )
    serve.add_argument(
        "--auto-storage",
        metavar="CONNECTION_STRING",
        help="storage account for application packages and containers by name; "
        "'UseDevelopmentStorage=true' is Azurite with its defaults",
    )


def _serve(options: argparse.Namespace) -> int:
    key = _account_key(options.account_key)
    if not _ACCOUNT_NAME.fullmatch(options.account_name):
        raise StartError("--account-name takes 3 to 24 lower-case letters and digits.")
    _check_host(options.host, options.allow_non_loopback)
    _check_address(options)
    auto_storage = _auto_storage(options.auto_storage)
    assume = partial(_assumptions, options.assume, options.assume_seed)
    assume(Assumptions())
    root = None if options.root is None else _root(options.root)
    with closing(_listen(options.host, options.port)) as listener:
        # Imported late: --help and refusals need neither the web server nor the engine.
        try:
            from airflow_provider_batch.emulator.app import Settings, serve
            from airflow_provider_batch.emulator.engine.journal import StateFileError
            from airflow_provider_batch.emulator.engine.root import RootInUseError
        except ModuleNotFoundError as error:
            if error.name not in ("jinja2", "starlette", "uvicorn"):
                raise
            raise StartError(
                f"{error.name} is not installed; install 'airflow-provider-batch[emulator]'."
            ) from error
        settings = Settings(
            account_name=options.account_name,
            account_key=key,
            root=root,
            node_start_seconds=options.node_start_seconds,
            allowed_hosts=tuple(options.allowed_host),
            url=_url(listener),
            log_level=options.log_level,
            assume=assume,
            time_scale=options.time_scale,
            simulated_seconds=options.simulated_seconds if options.executor == "simulated" else None,
            bearer_token=options.bearer_token,
            subscription_id=options.subscription_id,
            resource_group=options.resource_group,
            location=options.location,
            auto_storage=auto_storage,
            container_runtime=options.container_runtime,
            vm_sizes=tuple(options.vm_size),
        )
        try:
            serve(settings, listener, lambda: _announce(settings.url))
        except RootInUseError as error:
            raise StartError(f"--root: {error}. Name another one.") from None
        except StateFileError as error:
            raise StartError(f"--root: {error}") from None
    return 0


def _assumptions(given: Sequence[str], seed: int | None, present: Assumptions) -> Assumptions:
    """The answers that the command line wants of an account that has others."""
    assumptions = present if seed is None else Assumptions.chosen_by(seed)
    for text in given:
        try:
            assumptions = parse_assumption(assumptions, text)
        except ValueError as error:
            raise StartError(f"--assume: {error}.") from None
    return assumptions


def _auto_storage(text: str | None) -> AutoStorage | None:
    if text is None:
        return None
    try:
        return AutoStorage.from_connection_string(text)
    except ValueError as error:
        raise StartError(f"--auto-storage: {error}.") from None


def _check_address(options: argparse.Namespace) -> None:
    for option, pattern, wanted in _ADDRESS_PARTS:
        if not pattern.fullmatch(getattr(options, option)):
            raise StartError(f"--{option.replace('_', '-')} takes {wanted}.")
    if options.bearer_token is not None and not options.bearer_token.isascii():
        raise StartError("--bearer-token takes ASCII text.")


def _announce(url: str) -> None:
    sys.stdout.write(f"batch-emulator listening on {url}\n")
    sys.stdout.flush()


def _account_key(value: str) -> str:
    if value == "random":
        key = base64.b64encode(secrets.token_bytes(64)).decode("ascii")
        sys.stderr.write(f"batch-emulator: account key {key}\n")
        sys.stderr.flush()
        return key
    try:
        decode_key(value)
    except ValueError as error:
        raise StartError(f"--account-key: {error}.") from None
    return value


def _check_host(host: str, allowed: bool) -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StartError(f"--host {host}: the address is not known here ({error}).") from None
    if allowed:
        return
    for *_, address in found:
        if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise StartError(
                f"--host {host} can be reached from other machines, and the emulator runs commands. "
                "Use 127.0.0.1, or add --allow-non-loopback if that is what you want."
            )


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise StartError(_cannot_listen(host, port, error)) from None
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken by another program. "
            "Stop that program, or choose another port with --port (0 takes a free one)."
        )
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}. Choose a port above 1023 with --port."
    return f"cannot listen on {host}, port {port}: {error.strerror}."


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _root(folder: Path) -> Path:
    """The nodes' folder, for its owner only; a folder that holds something else is never changed."""
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        elif folder.stat().st_mode & 0o077:
            if any(folder.iterdir()):
                raise StartError(
                    f"--root {folder}: other users can read it, and it is not empty. Name a new folder."
                )
            folder.chmod(0o700)
    except OSError as error:
        raise StartError(f"--root {folder}: {error.strerror}.") from None
    return folder.resolve()


def _port(text: str) -> int:
    port = int(text)
    if port not in range(65536):
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86400:
        raise argparse.ArgumentTypeError("seconds from 0 to 86400 are expected")
    return seconds


def _scale(text: str) -> float:
    scale = float(text)
    if not 0 <= scale <= 100_000:
        raise argparse.ArgumentTypeError("a factor from 0 to 100000 is expected")
    return scale


def _vm_size(text: str) -> str:
    if not is_well_formed(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not built as a VM size is, such as Standard_D2s_v9")
    return text


def _simulated_seconds(text: str) -> str:
    from airflow_provider_batch.emulator.execution.simulated import parse_seconds

    try:
        parse_seconds(text, "")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
