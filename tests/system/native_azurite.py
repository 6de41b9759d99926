"""The image ``azurite``, natively: the same version from npm, installed once."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from demo.ports import free_port
from tests.azurite_process import installed_azurite
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
        programs=[installed_azurite(tag, cache) / "node_modules" / ".bin", programs, Path(npm).parent],
        more_arguments=[word for option, port in ports.items() for word in (option, str(port))],
    )
