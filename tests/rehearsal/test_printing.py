from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.rehearsal.rehearsal import Rehearsal

CONFIG = """\
[SERVICE]
    Streams_File streams.conf
[INPUT]
    Name dummy
    Tag app
[FILTER]
    Name stdout
    Match *
[FILTER]
    Name python
    Match *
    Script printing.py
[OUTPUT]
    Name null
    Match *
"""


def test_what_filters_print_is_not_printed(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "streams.conf").write_text("[STREAM_TASK]\n    Name shown\n    Exec SELECT * FROM TAG:'*';\n")
    (tmp_path / "router.conf").write_text(CONFIG)
    script = "print('loaded')\n\ndef filter(tag, time, record):\n    print('called')\n    return record\n"
    (tmp_path / "printing.py").write_text(script)
    with Rehearsal(load(str(tmp_path / "router.conf"))) as rehearsal:
        journey = rehearsal.feed("app", [(1, {"log": "x"})])
        rehearsal.advance(1)
        rehearsal.finish()
    assert [arrival.output for arrival in journey.arrivals] == ["null.0"]
    assert capfdbinary.readouterr().out == b""
