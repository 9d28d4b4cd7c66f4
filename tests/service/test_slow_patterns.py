"""Wherever a config has a pattern, a text that is made to take long is stopped in time, and counted."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from pyrolens.config import load
from pyrolens.problems import ConfigError
from pyrolens.records.regex.budget import STORE, WATCH, take_overruns
from pyrolens.service.router import Router
from tests.running import until

SLOW = r"^(\w+\s?)+$"
NAMED = r"^(?<x>(\w+\s?)+)$"
HOSTILE = "a" * 40 + "!"
CONDITION = {"op": "and", "rules": [{"field": "$log", "op": "regex", "value": SLOW}]}


def named(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, **options}


def of_filter(name: str, **options: Any) -> dict[str, Any]:
    return {"filters": [named(name, match="*", **options)]}


def of_input(**options: Any) -> dict[str, Any]:
    return {"inputs": [named("tail", path="hostile.log", read_from_head=True, **options)]}


def of_processor(name: str, **options: Any) -> dict[str, Any]:
    return of_input(processors={"logs": [named(name, **options)]})


ROUTES = {"logs": [{"name": "r", "condition": CONDITION, "to": {"outputs": ["a"]}}]}
PLACES: dict[str, dict[str, Any]] = {
    "grep": of_filter("grep", regex=f"log {SLOW}"),
    "grep exclude": of_filter("grep", exclude=f"log {SLOW}"),
    "rewrite_tag": of_filter("rewrite_tag", rule=f"$log {SLOW} new false"),
    "modify value": of_filter("modify", condition=f"Key_value_matches log {SLOW}", set="a b"),
    "modify key": of_filter("modify", condition=f"A_key_matches {SLOW}", set="a b"),
    "modify keys and values": of_filter(
        "modify", condition=f"Matching_keys_have_matching_values log {SLOW}", set="a b"
    ),
    "modify remove_regex": of_filter("modify", remove_regex=SLOW),
    "content_modifier": of_processor("content_modifier", action="extract", key="log", pattern=NAMED),
    "log_to_metrics": of_filter("log_to_metrics", tag="m", metric_description="d", regex=f"log {SLOW}"),
    "parser": of_filter("parser", key_name="log", parser="slow"),
    "multiline": of_filter("multiline", **{"multiline.key_content": "log", "multiline.parser": "slow_lines"}),
    "match_regex of a filter": {"filters": [named("stdout", match_regex=SLOW)]},
    "match_regex of an output": {"outputs": [named("null", match_regex=SLOW), named("null", match="none")]},
    "condition of a processor": of_processor("content_modifier", action="insert", key="a", value="b",
                                             condition=CONDITION),
    "condition of a route": of_input(routes=ROUTES) | {
        "outputs": [named("null", alias="a"), named("null", alias="b", match="none")]},
    "processor of an output": {"outputs": [named("null", match="*", processors={
        "logs": [named("grep", regex=f"log {SLOW}")]})]},
    "tail parser": of_input(parser="slow"),
    "tail multiline": of_input(**{"multiline.parser": "slow_lines"}),
    "tail tag_regex": of_input(tag="x.<x>", tag_regex=rf"{NAMED[:-1]}\.log$"),
    "metrics_selector": {
        "inputs": [named("fluentbit_metrics", scrape_on_start=True, processors={
            "metrics": [named("metrics_selector", metric_name=r"/^(\w+_?)+!$/", context="metric_name")]})],
        "outputs": [named("prometheus_exporter", match="*", port=0, host="127.0.0.1")],
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    take_overruns()
    yield
    WATCH.left = STORE
    take_overruns()


def counted(router: Router) -> int:
    metrics = router.metrics
    inputs, filters = metrics.inputs.values(), metrics.filters.values()
    counters = [metrics.router, *(i.counters for i in inputs), *(f.counters for f in filters)]
    return sum(each.get("regex_over_budget", 0) for each in counters)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_a_pattern_is_bounded(place: str, tmp_path: Path) -> None:
    (tmp_path / "hostile.log").write_text(HOSTILE + "\n")
    (tmp_path / (HOSTILE + ".log")).write_text("x\n")
    pipeline = of_input(tag=HOSTILE) | {"outputs": [named("null", match="*")]} | PLACES[place]
    if "modify key" in place or "remove_regex" in place:
        pipeline["inputs"][0]["path_key"] = HOSTILE
    if "tag_regex" in place:
        pipeline["inputs"][0]["path"] = "*.log"  # told with what is read from another file
    text = {
        "service": {"log_level": "off", "flush": 0.1},
        "parsers": [{"name": "slow", "format": "regex", "regex": NAMED}],
        "multiline_parsers": [{"name": "slow_lines", "type": "regex", "rules": [
            {"state": "start_state", "regex": f"/{SLOW}/", "next_state": "cont"},
            {"state": "cont", "regex": f"/{SLOW}/", "next_state": "cont"}]}],
        "pipeline": pipeline,
    }  # fmt: skip
    (tmp_path / "a.yaml").write_text(json.dumps(text))
    began = perf_counter()

    async def main() -> None:
        try:
            router = Router(load("a.yaml"))
            WATCH.left, WATCH.filled = 0.05, perf_counter()  # so that the test is short
            await router.start()
        except ConfigError as error:
            pytest.fail(str(error))
        await until(lambda: counted(router) > 0, f"the pattern of {place} is stopped and counted")
        await router.stop()

    asyncio.run(main())
    assert perf_counter() - began < 25
