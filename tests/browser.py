"""Looks at a page with a headless Chromium: what its document became, and how it looks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_LIMIT_SECONDS = 60
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser:
    """
    A Chromium that opens one page at a time.

    :param program: path of Chromium.
    :param profile: an empty folder.
    """

    def __init__(self, program: str, profile: Path) -> None:
        self._program = program
        self._profile = profile

    def document(self, url: str) -> str:
        """Return the page's HTML as Chromium has understood it."""
        return self._run("--dump-dom", url).decode("utf-8")

    def screenshot(self, url: str, path: Path) -> tuple[int, int]:
        """Take a picture; return its width and height."""
        self._run(f"--screenshot={path}", "--window-size=1300,900", url)
        picture = path.read_bytes()
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")

    def _run(self, *arguments: str) -> bytes:
        # Chromium has no sandbox for root, whom containers run as; the page is our own.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [self._program, *_OPTIONS, *sandbox, f"--user-data-dir={self._profile}", *arguments]
        done = subprocess.run(command, capture_output=True, timeout=_LIMIT_SECONDS, check=False)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout


def find_browser(profile: Path) -> Browser:
    """Return a browser; where there is no Chromium, the test is skipped, but not in CI."""
    program = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if program is None:
        message = "there is no Chromium on the PATH; scripts/install_chromium.sh installs it on Debian"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return Browser(program, profile)
