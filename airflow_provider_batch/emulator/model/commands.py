"""What is needed to run a command line on a node; tasks and start tasks share it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnvironmentSetting:
    """One environment variable."""

    name: str
    value: str = ""


@dataclass(frozen=True)
class ResourceFile:
    """
    A file that is downloaded before the command runs.

    :param http_url: ``http`` or ``https`` address.
    :param file_path: place relative to the working directory; must stay in it.
    :param file_mode: octal text, for example ``0770``, which is the service's default.
    """

    http_url: str
    file_path: str
    file_mode: str = "0770"


@dataclass(frozen=True)
class Command:
    """
    A command line with its surroundings.

    :param command_line: split without a shell: no variables, no redirection, no globbing.
    """

    command_line: str
    environment_settings: tuple[EnvironmentSetting, ...] = ()
    resource_files: tuple[ResourceFile, ...] = ()
