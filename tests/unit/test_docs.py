"""What the documentation shows of the examples, and of what is said about them, is what there is."""

from __future__ import annotations

import re
import runpy
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_batch import explain_command, specs
from airflow_provider_batch.emulator import cli
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

EXCERPT = re.compile(r"<!-- (?P<path>\S+) -->\n```python\n(?P<text>.*?)\n```\n", re.DOTALL)
EXPLAINED = re.compile(
    r"```console\n\$ python -m airflow_provider_batch explain (?P<path>\S+)\n(?P<text>.*?)\n```\n", re.DOTALL
)
LINK = re.compile(r"\]\((?P<path>[^)#:]*)(?:#(?P<heading>[^)]*))?\)")


def found(pattern: re.Pattern[str]) -> list[tuple[Path, str, str]]:
    return [
        (page, match["path"], match["text"])
        for page in PAGES
        for match in pattern.finditer(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "path", "text"), found(EXCERPT))
def test_excerpt_is_in_its_file(page: Path, path: str, text: str) -> None:
    assert f"\n{text}\n" in (ROOT / path).read_text(encoding="utf-8"), f"{page.name} shows another {path}"


def test_every_example_of_a_group_is_shown() -> None:
    groups = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "example_dags").glob("*.py")
        if "AzureBatchJobTaskGroup" in path.read_text(encoding="utf-8")
    }
    assert groups <= {path for _, path, _ in found(EXCERPT)}


@pytest.mark.parametrize(("page", "path", "text"), found(EXPLAINED))
def test_explanation_is_what_the_command_says(page: Path, path: str, text: str) -> None:
    said = explain_command.explain(str(ROOT / path))
    if "start in the triggerer" in said.text:  # Airflow 3.0 to 3.2 starts no task there
        assert said.text == text, f"{page.name} shows another explanation of {path}"


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="the README shows the imports of Airflow 3")
def test_first_example_is_a_job_of_242_tasks_that_batch_starts(tmp_path: Path) -> None:
    (example, *_) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    dag_file = tmp_path / "render.py"
    dag_file.write_text(example)
    said = explain_command.explain(str(dag_file))
    assert "3 members: 3 eager" in said.text
    assert "film.frame[240] -> film.merge" in said.text


def test_page_of_the_emulator_has_all_its_operations() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_operations.py"))
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    assert script["with_tables"](page) == page, "run `python scripts/write_operations.py`"


def test_page_of_the_emulator_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    assert {"--root", "--assume"} <= options <= set(re.findall(r"`(--[a-z-]+)`", page))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = (page.parent / match["path"]).resolve() if match["path"] else page
        assert target.exists(), match[0]
        if match["heading"]:
            assert match["heading"] in anchors(target), match[0]


def test_sensors_are_shown_as_they_are() -> None:
    from airflow_provider_batch.sensors.job import AzureBatchJobSensor
    from airflow_provider_batch.sensors.pool import AzureBatchPoolSensor
    from airflow_provider_batch.sensors.task import AzureBatchTaskSensor

    (example, *_) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "sensors.md").read_text("utf-8"), re.S
    )
    made: dict[str, object] = {}
    exec(example, made)  # noqa: S102 - our own page
    assert isinstance(made["nightly"], AzureBatchJobSensor)
    assert isinstance(made["frames"], AzureBatchTaskSensor)
    assert isinstance(made["ready"], AzureBatchPoolSensor)


def python_blocks(page: str) -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("block", python_blocks("autoscale.md"))
def test_rules_are_shown_as_they_are_imported_from_specs(block: str) -> None:
    names: dict[str, object] = {name: getattr(specs, name) for name in specs.__all__}
    made = {**names, "timedelta": timedelta, "autoscale": specs.Autoscale.pending_tasks(max_nodes=5)}
    exec(block, made)  # noqa: S102 - our own page


def test_mounts_of_a_pool_are_shown_as_they_are() -> None:
    (block,) = [block for block in python_blocks("pools.md") if "mounts=" in block]
    pool = eval(block, {name: getattr(specs, name) for name in specs.__all__})  # noqa: S307 - our own page
    mounts = specs.pool_to_rest(pool)["mountConfiguration"]
    paths = [mount["relativeMountPath"] for entry in mounts for mount in entry.values()]
    assert paths == ["films", "scratch"]
