"""What a config is rehearsed in does not depend on the machine, and leaves nothing behind."""

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrolens.rehearsal.rehearsal import Rehearsal
from tests.rehearsal.configs import FORWARD, NULL, config

NS = 1_000_000_000
LOCAL = "[PARSER]\n    Name p\n    Format json\n    Time_System_Timezone on\n"
LOCAL += "    Time_Key t\n    Time_Format %Y-%m-%d %H:%M:%S\n"
PARSED = "[SERVICE]\n    Parsers_File p.conf\n" + FORWARD
PARSED += "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser p\n" + NULL
SCRIPT = """\
pipeline:
  inputs: [{name: forward, unix_path: /tmp/nobody.sock}]
  filters:
    - name: python
      match: '*'
      code: |
        import os, time
        AT_START = os.environ.get("STAGE")
        def look(record):
            return {"start": AT_START, "now": os.environ.get("STAGE"), "zone": time.localtime(0).tm_hour}
  outputs: [{name: 'null', match: '*'}]
"""


@pytest.fixture(autouse=True)
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("STAGE", "of-this-machine")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("environ", "hour"), [({}, 12), ({"TZ": "America/New_York"}, 17), (None, 3), ({"TZ": "Asia/Tokyo"}, 3)]
)
def test_local_times_are_those_of_the_router(environ: dict[str, str] | None, hour: int, tmp_path: Path) -> None:
    (tmp_path / "p.conf").write_text(LOCAL)
    with Rehearsal(config(tmp_path, PARSED), environ=environ) as r:
        (arrival,) = r.feed("t", [(NS, {"log": '{"t": "2026-01-15 12:00:00", "a": 1}'})]).arrivals
    assert arrival.event[0] == (1_768_435_200 + hour * 3600) * NS
    assert (os.environ["TZ"], time.localtime(0).tm_hour) == ("Asia/Tokyo", 9)


def test_scripts_see_the_variables_of_the_router(tmp_path: Path) -> None:
    loaded = config(tmp_path, SCRIPT, "router.yaml")
    before, stdout = dict(os.environ), sys.stdout
    with Rehearsal(loaded, environ={"STAGE": "prod"}) as r:
        (arrival,) = r.feed("t", [(NS, {})]).arrivals
        assert arrival.event[1] == {"start": "prod", "now": "prod", "zone": 0}
    with Rehearsal(loaded) as r:
        (arrival,) = r.feed("t", [(NS, {})]).arrivals
        assert arrival.event[1] == {"start": "of-this-machine", "now": "of-this-machine", "zone": 9}
    assert (dict(os.environ), sys.stdout) == (before, stdout)


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    before, stdout = dict(os.environ), sys.stdout
    with Rehearsal(config(tmp_path, SCRIPT, "router.yaml"), environ={"STAGE": "prod"}) as r:

        def fail(*_: object) -> None:
            raise KeyboardInterrupt

        r._pipeline.steps[0].transform = fail  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            r.feed("t", [(NS, {})])
    assert (dict(os.environ), sys.stdout) == (before, stdout)


LUA = """\
pipeline:
  inputs: [{name: forward, unix_path: /tmp/nobody.sock}]
  filters:
    - name: lua
      match: '*'
      call: look
      code: |
        print("loaded")
        function look(tag, time, record)
            print("lua saw " .. record.n)
            return 0, time, record
        end
  outputs: [{name: 'null', match: '*'}]
"""


def test_what_lua_prints_is_a_note(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lupa")
    print("before")
    with Rehearsal(config(tmp_path, LUA, "router.yaml")) as r:
        notes = r.feed("t", [(NS, {"n": 1}), (NS, {"n": 2})]).notes
    print("after")
    assert {note.level for note in notes} == {"print"}
    assert [note.text for note in notes] == ["loaded", "lua saw 1", "lua saw 2"]
    assert capfd.readouterr() == ("before\nafter\n", "")


SAMPLING = """\
pipeline:
  inputs:
    - name: forward
      unix_path: /tmp/nobody.sock
      processors:
        logs: [{name: sampling, type: probabilistic, sampling_settings: {sampling_percentage: 50}, sample_logs: on}]
  outputs: [{name: 'null', match: '*'}]
"""


def test_dice_fall_the_same_way_each_time(tmp_path: Path) -> None:
    loaded = config(tmp_path, SAMPLING, "router.yaml")
    random.seed(7)
    before = random.getstate()
    kept = []
    for _ in range(2):
        with Rehearsal(loaded) as r:
            kept.append([len(r.feed("t", [(NS, {"n": n})]).arrivals) for n in range(40)])
    assert random.getstate() == before
    assert kept[0] == kept[1]
    assert 10 < sum(kept[0]) < 30


FLUENTD = """\
<source>
  @type forward
</source>
<filter **>
  @type parser
  key_name log
  <parse>
    @type regexp
    expression /^(?<time>\\w+ \\d+ [\\d:]+) (?<m>.*)$/
    time_format %b %d %H:%M:%S
  </parse>
</filter>
<match **>
  @type null
</match>
"""


def test_times_without_a_year_are_of_the_virtual_one_in_fluentds_configs_too(tmp_path: Path) -> None:
    loaded = config(tmp_path, FLUENTD, "fluent.conf")
    for year, start in ((2001, 978_307_200), (2026, 1_767_225_600)):
        with Rehearsal(loaded, now_ns=(start + 86400) * NS, environ={}) as r:
            (arrival,) = r.feed("t", [(NS, {"log": "Jan 03 00:00:00 x"})]).arrivals
        assert arrival.event == ((start + 2 * 86400) * NS, {"m": "x"}), year
