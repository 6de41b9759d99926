"""The programs of ``docs/emulator.md``, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulator_process import EmulatorProcess

pytestmark = pytest.mark.emulator_only(reason="documentation of the emulator")

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"


def example(name: str) -> str:
    """The program below a comment of that name."""
    (program,) = re.findall(rf"<!-- {name} -->\n```python\n(.*?)```\n", PAGE.read_text("utf-8"), re.DOTALL)
    return str(program)


def run(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_first_task_says_hello(tmp_path: Path):
    program = tmp_path / "first_task.py"
    with EmulatorProcess.start(tmp_path / "nodes") as emulator:
        program.write_text(example("first task").replace("http://127.0.0.1:10010", emulator.url))
        assert run(str(program), folder=tmp_path).startswith("hello from tvmps_")


def test_example_of_a_test_passes(tmp_path: Path):
    (tmp_path / "test_example.py").write_text(example("a test"))
    assert "2 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path), folder=tmp_path)
