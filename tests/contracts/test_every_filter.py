"""What every filter must bear: odd records, empty batches, being asked again; and what it must leave alone."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import Event, Filter, Parse, Transform
from pyrolens.config import build, read_text
from pyrolens.plugin import builtin_parser, find, names
from pyrolens.problems import Problems
from tests.contracts.odd import NOW, events
from tests.contracts.odd import ODD as ALL
from tests.lent import Lent

ODD = {odd: record for odd, record in ALL.items() if odd != "large_unicode"}
"""A regular expression may look at each of its many lines to the end of all."""

CONFIGS = {
    "checklist": ["File {dir}/list.txt\nLookup_Key log\nRecord seen yes\n"],
    "content_modifier": [
        "Action insert\nKey added\nValue x\n",
        "Action upsert\nKey log\nValue x\n",
        "Action delete\nKey log\n",
        "Action rename\nKey log\nValue message\n",
        "Action hash\nKey log\n",
        "Action extract\nKey log\nPattern ^(?<first>.)\n",
        "Action convert\nKey log\nConverted_Type int\n",
    ],
    "expect": ["Key_Exists log\nAction result_key\n", "Key_Val_Is_Not_Null $log['in']\nAction warn\n"],
    "log_to_metrics": [
        "Tag m\nMetric_Description d\nLabel_Field log\nRegex $log .\n",
        "Tag m\nMetric_Description d\nMetric_Mode histogram\nValue_Field n\nAdd_Label in $log['in']\n",
    ],
    "grep": ["Regex log .\n", "Exclude $log['in'] x\n"],
    "lua": [
        "Call f\nCode function f(tag, ts, r) r.n = 1 return 2, ts, r end\n",
        "Call f\nCode function f(tag, ts, r) return 2, ts, {r} end\nTime_As_Table on\n",
        "Call f\nCode function f(tag, ts, group, meta, r) return 2, ts, meta, r end\nEnable_Flb_Null on\n",
        "Call f\nCode function f(tag, ts, r) if r.log == 'hello' then return -1 end return 0 end\n",
    ],
    "modify": ["Rename log message\nHard_Copy message m\nAdd added x\nRemove_Regex ^a\nCondition Key_Exists log\n"],
    "multiline": ["Multiline.Key_Content log\nMultiline.Parser java,go\nBuffer off\n"],
    "nest": [
        "Operation nest\nWildcard *\nNest_Under all\n",
        "Operation lift\nNested_Under log\nAdd_Prefix p_\n",
    ],
    "parser": ["Key_Name log\nParser json\nReserve_Data on\n", "Key_Name $log['in']\nParser apache2\n"],
    "python": [
        "Script {dir}/of_records.py\n",
        "Script {dir}/of_batches.py\nOn_Error drop\n",
    ],
    "record_modifier": ["Record added ${HOSTNAME}\nRemove_Key lo*\nUuid_Key id\n", "Allowlist_Key log\n"],
    "rewrite_tag": ["Rule $log ^h new.$TAG off\n", "Rule $log ^c new.$0 on\n"],
    "sampling": ["Type probabilistic\n"],
    "sql": ["Query SELECT log, n FROM STREAM WHERE log > 'h' OR n != 3;\n"],
    "stdout": [""],
    "sysinfo": ["Hostname_Key host\nOs_Name_Key log\n"],
    "throttle": ["Rate 1000\nWindow 5\nInterval 1s\n"],
    "type_converter": ["Str_Key log n int\nInt_Key n m string\nFloat_Key log f int\n"],
}
"""The options of each filter, once or more."""
SCRIPTS = {
    "of_records.py": "def f(tag, record):\n    record['log'] = str(record['log'])[:9]\n    return record\n",
    "of_batches.py": "def f(events):\n    for ns, r in events: r['n'] = r.pop('log')\n    return events[:]\n",
}
OF_LOGS = [name for name in names("filter") if not find("filter", name).of_metrics]  # type: ignore[union-attr]
CASES = [(name, options) for name in OF_LOGS for options in CONFIGS.get(name, [""])]
LOOKS_BACK = {"throttle", "content_modifier", "multiline"}
"""What becomes of a record depends on those before it."""


@pytest.fixture(params=CASES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(CASES)])
def plugin(request: pytest.FixtureRequest, tmp_path: Path) -> Filter:
    name, options = request.param
    (tmp_path / "list.txt").write_text("hello\ncaf\n")
    for name_, text in SCRIPTS.items():
        (tmp_path / name_).write_text(text)
    problems = Problems()
    lines = "".join(f"    {line}\n" for line in options.replace("{dir}", str(tmp_path)).splitlines())
    found = find("filter", name)
    assert found
    if found.only_processor:
        entries = dict(line.split(None, 1) for line in options.splitlines())
        more = "".join(f"            {key.lower()}: {value!r}\n" for key, value in entries.items())
        above = "pipeline:\n  inputs:\n    - name: dummy\n      processors:\n        logs:\n"
        text = f"{above}          - name: {name}\n{more}"
        config = build(read_text(text, "a.yaml", problems, ""), problems, {})
        (built,) = config.inputs[0].processors
    else:
        text = f"[INPUT]\n    Name dummy\n[FILTER]\n    Name {name}\n    Match *\n{lines}[OUTPUT]\n    Name null\n"
        (built,) = build(read_text(text, "a.conf", problems, ""), problems, {"HOSTNAME": "h"}).filters
    assert isinstance(built.plugin, Filter)
    return built.plugin


def lent() -> Lent:
    env = Lent()
    parsers: dict[str, Parse] = {}
    for name in ("json", "apache2"):
        found = builtin_parser(name)
        assert found
        parsers[name] = found.compile(env)
    return Lent(parsers)


def compiled(plugin: Filter) -> tuple[Transform, Lent]:
    env = lent()
    return plugin.compile(env), env


def unordered(value: Any) -> Any:
    """A map of Lua has its fields in any order."""
    if isinstance(value, dict):
        return sorted((repr(key), unordered(inner)) for key, inner in value.items())
    return [unordered(inner) for inner in value] if isinstance(value, list) else repr(value)


def of(transform: Transform, env: Lent) -> Callable[[list[Event]], list[Event]]:
    """Events -> all that becomes of them, here and under other tags."""

    def run(batch: list[Event]) -> list[Event]:
        env.emitted.clear()
        kept = transform("app.web", batch)
        return kept + [event for _, events, _ in env.emitted for event in events]

    return run


def test_nothing_is_edited(plugin: Filter) -> None:
    transform, _ = compiled(plugin)
    for odd, record in ODD.items():
        batch = events(record)
        before, inside = repr(batch), copy.copy(batch)
        transform("app.web", batch)
        assert repr(batch) == before, odd
        assert all(a is b for a, b in zip(batch, inside, strict=True)), odd


def test_an_empty_batch_is_an_empty_batch(plugin: Filter) -> None:
    transform, env = compiled(plugin)
    assert transform("app.web", []) == []
    transform("app.web", events(ODD["plain"]))
    assert transform("app.web", []) == []
    assert not any(found == [] for _, found, _ in env.emitted)


def test_the_order_stays(plugin: Filter) -> None:
    """What is left of a batch is in the order that it came in; none is there twice."""
    run = of(*compiled(plugin))
    batch: list[Event] = [(NOW + n, {"log": f"{'hc'[n % 2]}{n}", "n": n}) for n in range(50)]
    transform, env = compiled(plugin)
    kept = [int(ns) for ns, _ in transform("app.web", batch)]
    moved = [int(ns) for _, found, _ in env.emitted for ns, _ in found]
    assert kept == sorted(set(kept))
    assert moved == sorted(set(moved))
    assert {int(ns) for ns, _ in run(batch)} <= {ns for ns, _ in batch}


@pytest.mark.parametrize("plugin", [case for case in CASES if case[0] not in LOOKS_BACK], indirect=True)
def test_a_batch_is_as_good_as_its_records(plugin: Filter) -> None:
    """Whether records come alone or together makes no difference."""
    together: list[Event] = [(NOW + n, record) for n, record in enumerate(ODD.values())]
    alone = of(*compiled(plugin))
    one_by_one = [event for event in together for event in alone([event])]
    found = of(*compiled(plugin))(together)

    def shown(batch: list[Event]) -> list[str]:
        return sorted(repr((int(ns), unordered({k: record[k] for k in record if k != "id"}))) for ns, record in batch)

    assert shown(found) == shown(one_by_one)
