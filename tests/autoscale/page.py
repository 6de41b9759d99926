"""
Keeps what docs/autoscale.md shows of the rules: code, curve, figures and formula of each scenario.

Run ``python -m tests.autoscale.page`` after a rule has changed; a test fails until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from tests.autoscale.plot import svg
from tests.autoscale.scenarios import SCENARIOS, Scenario, curve_of
from tests.autoscale.simulation import Curve

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "autoscale.md"


def block(scenario: Scenario, curve: Curve) -> str:
    """Return what the page shows of a scenario."""
    return f"""\
```python
{scenario.code}
```

![{scenario.title}](images/autoscale-{scenario.name}.svg)

{figures(curve)}

<details>
<summary>The formula</summary>

```c
{scenario.make().formula.strip()}
```

</details>
"""


def figures(curve: Curve) -> str:
    """Say in a sentence what the curve comes to."""
    most = max(point.nodes for point in curve.points)
    length = curve.points[-1].at
    fixed = most * (length / timedelta(hours=1))
    lost = f" Azure took the node from {curve.preempted} tasks, which ran again." if curve.preempted else ""
    return (
        f"{curve.finished} tasks ended, and the formula took no node from any.{lost} At most {most} nodes;"
        f" {curve.node_hours:.1f} node-hours, where {most} fixed nodes come to {fixed:.0f}."
    )


def files() -> Iterator[tuple[Path, str]]:
    """Give each file that is generated, or generated in part, and its text."""
    page = PAGE.read_text(encoding="utf-8")
    for scenario in SCENARIOS:
        curve = curve_of(scenario)
        assert curve.killed == 0, scenario.name
        yield DOCS / "images" / f"autoscale-{scenario.name}.svg", svg(scenario.title, curve)
        begin, end = f"<!-- scenario {scenario.name} -->\n", f"<!-- end of {scenario.name} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{PAGE.name} has no place for {scenario.name}"
        page = f"{before}{begin}{block(scenario, curve)}{end}{after}"
    yield PAGE, page


def main() -> None:
    """Write the files."""
    (DOCS / "images").mkdir(exist_ok=True)
    for path, text in files():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
