"""
Where things lie on a node.

``<root>/<pool>/<node>/`` is a node's ``AZ_BATCH_NODE_ROOT_DIR``.

Source: reference of the service, section 5.1.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

#: what every node has from the start
NODE_DIRECTORIES = ("applications", "fsmounts", "shared", "startup/wd", "volatile", "workitems")

WORKING_DIRECTORY = "wd"


class Layout:
    """
    Paths under one root directory.

    :param root: absolute.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def removed(self) -> Path:
        """Where directories are moved to be deleted."""
        return self.root / ".removed"

    def pool(self, pool_id: str) -> Path:
        """Directory of a pool."""
        return self.root / one_name(pool_id)

    def node(self, pool_id: str, node_id: str) -> Path:
        """Root directory of a node."""
        return self.pool(pool_id) / one_name(node_id)

    def inside_node(self, pool_id: str, node_id: str, directory: str) -> Path:
        """A directory of a node; ``directory`` is relative to the node's root, with ``/``."""
        path = self.node(pool_id, node_id)
        for part in PurePosixPath(directory).parts:
            path /= one_name(part)
        return path


def one_name(part: str) -> str:
    """
    Return an id as the name of a directory.

    Ids are checked long before they come here; this is the last door, since what lies behind it deletes
    directories.
    """
    if part in ("", ".", "..") or "/" in part or "\0" in part or part.startswith("."):
        raise ValueError(f"not usable as the name of a directory: {part!r}")
    return part
