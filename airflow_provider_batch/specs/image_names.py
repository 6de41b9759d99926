"""Names of images: the service tells them apart without case, and a pattern stands for several."""

from __future__ import annotations

import re
from typing import Final

#: the names of a Marketplace image that may be patterns
PATTERN_FIELDS: Final = ("publisher", "offer", "sku")


def is_pattern(name: str) -> bool:
    """
    Say whether a name stands for several; no image has such characters in its name.

    :param name: a name or a pattern.
    """
    return "*" in name or "?" in name


def name_matches(pattern: str, name: str) -> bool:
    """
    Say whether a name is the one that is meant, whatever the case of either.

    :param pattern: a name, in which ``*`` stands for any characters, none included, and ``?`` for one.
    :param name: name of an image or of a node agent.
    """
    parts = (_WILDCARDS.get(character) or re.escape(character) for character in pattern.lower())
    return re.fullmatch("".join(parts), name.lower(), re.DOTALL) is not None


_WILDCARDS: Final = {"*": ".*", "?": "."}
