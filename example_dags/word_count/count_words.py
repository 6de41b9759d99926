"""Count the words of one part, paragraph by paragraph."""

import argparse
import json
import os
import re
import time
from collections import Counter
from pathlib import Path


def main() -> None:
    """Read ``part-<n>.txt`` and write ``count-<n>.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", type=int)
    options = parser.parse_args()

    folder = Path(os.environ["AZ_BATCH_NODE_SHARED_DIR"]) / os.environ["WORD_COUNT_RUN"]
    paragraphs = (folder / f"part-{options.part}.txt").read_text(encoding="utf-8").split("\n\n")

    counts: Counter[str] = Counter()
    for number, paragraph in enumerate(paragraphs, start=1):
        words = re.findall(r"[a-z]+(?:'[a-z]+)?", paragraph.lower())
        counts.update(words)
        print(f"part {options.part}, paragraph {number}/{len(paragraphs)}: {len(words)} words", flush=True)
        time.sleep(0.5)  # so that one can watch

    (folder / f"count-{options.part}.json").write_text(json.dumps(counts), encoding="utf-8")
    print(f"part {options.part}: {counts.total()} words, {len(counts)} different", flush=True)


if __name__ == "__main__":
    main()
