"""Where the tasks of a job stand in the picture of its dependencies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.routes.drawing import HEIGHT, WIDTH, draw

NAMES = [f"t{number}" for number in range(8)]
EDGES = st.lists(st.tuples(st.sampled_from([*NAMES, "absent"]), st.sampled_from(NAMES)), max_size=20)


def test_parents_stand_left_of_their_children():
    drawing = draw(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
    assert [box.name for box in sorted(drawing.boxes, key=lambda box: box.x)] == ["a", "b", "c"]
    assert len(drawing.lines) == 3


def test_no_tasks_make_an_empty_picture():
    assert draw([], []).boxes == ()


@given(EDGES)
def test_boxes_never_overlap_and_all_lie_in_the_picture(edges: list[tuple[str, str]]):
    drawing = draw(NAMES, edges)
    assert [box.name for box in drawing.boxes] == NAMES
    places = {(box.x, box.y) for box in drawing.boxes}
    assert len(places) == len(NAMES)
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - WIDTH
        assert 0 <= box.y <= drawing.height - HEIGHT


@given(EDGES)
def test_without_circles_every_line_goes_to_the_right(edges: list[tuple[str, str]]):
    forward = [(parent, child) for parent, child in edges if parent < child]
    assert all(line.x1 < line.x2 for line in draw(NAMES, forward).lines)
