"""Plans where the order of the config counts: filters up to the first match that takes the tag."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from pyrolens.pipeline.pipeline import Door, Stage, first_match
from pyrolens.pipeline.step import Step

TAGS = "abc"
Kind = tuple[frozenset[str], bool]


def stage(number: int, tags: frozenset[str], is_filter: bool) -> Stage:
    step = cast(Step, f"filter {number}")
    door = cast(Door, f"match {number}")
    return (
        Stage(lambda tag: tag in tags, step) if is_filter else Stage(lambda tag: tag in tags, doors=(lambda _: door,))
    )


@given(st.lists(st.tuples(st.frozensets(st.sampled_from(TAGS)), st.booleans()), max_size=8), st.sampled_from(TAGS))
def test_a_plan(kinds: list[Kind], tag: str) -> None:
    plan = first_match([stage(n, *kind) for n, kind in enumerate(kinds)], tag)
    taken = [(n, is_filter) for n, (tags, is_filter) in enumerate(kinds) if tag in tags]
    end = next((n for n, is_filter in taken if not is_filter), None)
    doors: list[Any] = plan.doors
    steps: list[Any] = plan.steps
    assert doors == ([] if end is None else [f"match {end}"])
    assert steps == [f"filter {n}" for n, is_filter in taken if is_filter and (end is None or n < end)]
