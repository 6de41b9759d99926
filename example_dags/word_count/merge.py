"""Add the counts of all parts up and print the most frequent words."""

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path


def main() -> None:
    """Read the ``count-<n>.json`` files and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--top", type=int, default=10)
    options = parser.parse_args()

    folder = Path(os.environ["AZ_BATCH_NODE_SHARED_DIR"]) / os.environ["WORD_COUNT_RUN"]
    counts: Counter[str] = Counter()
    for number in range(options.parts):
        counts.update(json.loads((folder / f"count-{number}.json").read_text(encoding="utf-8")))
        print(f"merged part {number}", flush=True)
        time.sleep(0.3)  # so that one can watch

    print(f"{counts.total()} words, {len(counts)} different; the most frequent:")
    for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: options.top]:
        print(f"{count:6}  {word}")


if __name__ == "__main__":
    main()
