"""The image ``azurite``, natively: the same version from npm, installed once."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from demo.ports import free_port
from tests.system.native_composition import Image

#: ``nc`` of the image, which few machines have; as strict as BusyBox's where the health check uses it
_NC = """\
#!/usr/bin/env python3
import socket, sys
zero_io, host, port = sys.argv[1:]
assert zero_io == "-z"
socket.create_connection((host, int(port)), timeout=5).close()
"""


def azurite_image(tag: str, cache: Path, programs: Path, blob_port: int) -> Image:
    """
    Install Azurite when the cache does not have it yet.

    :param tag: the image's tag, which is Azurite's version.
    :param cache: keeps one installation per version.
    :param programs: gets what else the image has.
    :param blob_port: where its blob service will listen; the image leaves the ports to Azurite's defaults.
    """
    npm = shutil.which("npm")
    assert npm is not None
    nc = programs / "nc"
    nc.write_text(_NC)
    nc.chmod(nc.stat().st_mode | stat.S_IXUSR)
    ports = {"--blobPort": blob_port, "--queuePort": free_port(), "--tablePort": free_port()}
    return Image(
        programs=[_installed(npm, tag, cache) / "node_modules" / ".bin", programs, Path(npm).parent],
        more_arguments=[word for option, port in ports.items() for word in (option, str(port))],
    )


def _installed(npm: str, version: str, cache: Path) -> Path:
    folder = cache / f"azurite-{version}"
    if not folder.is_dir():
        # Under another name first: an interrupted attempt must not count as installed.
        making = cache / f"{folder.name}.{os.getpid()}"
        making.mkdir(parents=True)
        try:
            result = subprocess.run(
                [npm, "install", "--no-audit", "--no-fund", "--prefix", str(making), f"azurite@{version}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert result.returncode == 0, f"npm could not install Azurite {version}:\n{result.stdout}"
            making.rename(folder)
        except BaseException:
            shutil.rmtree(making)
            raise
    return folder
