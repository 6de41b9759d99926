"""Split a text into parts of about equal length, at paragraphs, in the run's folder on the node."""

import argparse
import os
import time
from pathlib import Path


def main() -> None:
    """Read the text and write ``part-<n>.txt`` files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--parts", type=int, default=4)
    options = parser.parse_args()

    folder = Path(os.environ["AZ_BATCH_NODE_SHARED_DIR"]) / os.environ["WORD_COUNT_RUN"]
    folder.mkdir(parents=True, exist_ok=True)

    text = options.text.read_text(encoding="utf-8")
    paragraphs = [paragraph for paragraph in text.split("\n\n") if paragraph.strip()]
    print(f"{options.text.name}: {len(paragraphs)} paragraphs, {len(text):,} characters", flush=True)

    parts: list[list[str]] = [[] for _ in range(options.parts)]
    seen = 0
    for paragraph in paragraphs:
        parts[min(seen * options.parts // len(text), options.parts - 1)].append(paragraph)
        seen += len(paragraph) + 2

    for number, part in enumerate(parts):
        time.sleep(0.7)  # so that one can watch
        (folder / f"part-{number}.txt").write_text("\n\n".join(part), encoding="utf-8")
        print(f"part {number}: {len(part)} paragraphs", flush=True)


if __name__ == "__main__":
    main()
