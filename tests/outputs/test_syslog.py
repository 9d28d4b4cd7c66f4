import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Event, Outcome, Output, Tls
from pyrolens.options import spec_of
from pyrolens.outputs._syslog import facility_of, severity_of
from pyrolens.outputs.syslog import SyslogOutput
from tests.outputs.sending import Env, events
from tests.outputs.wires import dropped, refused, secure, streamed
from tests.ports import free_port

ALL: dict[str, Any] = {
    "syslog_message_key": "log", "syslog_hostname_key": "h", "syslog_appname_key": "a", "syslog_procid_key": "p",
    "syslog_msgid_key": "m", "syslog_severity_key": "s", "syslog_facility_key": "f",
}  # fmt: skip
FULL = {"log": "text", "h": "host1", "a": "app1", "p": 77, "m": "ID47", "s": "err", "f": 4}
TWO = events({"log": "one"}, {"log": "two"})
START = "2024-06-10T06:13:20.123456Z"


def syslog(**options: Any) -> Any:
    def make(port: int) -> Output:
        return SyslogOutput(port=port, **options)

    return make


def messages(*records: dict[str, Any], env: Env | None = None, **options: Any) -> list[str]:
    """What is sent for each record, all of the same time."""
    batch: list[Event] = [(events({})[0][0], record) for record in records]
    outcomes, sent = dropped(syslog(**options), batch, env=env)
    assert outcomes == [DELIVERED]
    return [message.decode(errors="surrogateescape") for message in sent]


def test_rfc5424() -> None:
    assert messages(FULL, {"log": "only"}, {}, **ALL) == [
        f"<35>1 {START} host1 app1 77 ID47 - \ufefftext",
        f"<14>1 {START} - - - - - \ufeffonly",
        f"<14>1 {START} - - - - -",
    ]


def test_rfc3164() -> None:
    rest: list[dict[str, Any]] = [
        {"log": "only"},
        {"p": 5, "log": "no app"},
        {"a": "app"},
        {"h": "h", "log": "x\ny"},
        {},
    ]
    assert messages(FULL, *rest, syslog_format="rfc3164", **ALL) == [
        "<35>Jun 10 06:13:20 host1 app1[77]: text",
        "<14>Jun 10 06:13:20 only",
        "<14>Jun 10 06:13:20 no app",
        "<14>Jun 10 06:13:20 app: ",
        "<14>Jun 10 06:13:20 h x\ny",
        "<14>Jun 10 06:13:20 ",
    ]


def test_a_day_of_one_digit() -> None:
    _, sent = dropped(syslog(syslog_format="rfc3164"), [(1_717_286_400_000_000_000, {})])
    assert sent == [b"<14>Jun  2 00:00:00 "]


def test_presets_are_for_records_without() -> None:
    presets: dict[str, Any] = {
        "syslog_hostname_preset": "hp", "syslog_appname_preset": "ap", "syslog_procid_preset": "pp",
        "syslog_msgid_preset": "mp", "syslog_severity_preset": 2, "syslog_facility_preset": 16,
    }  # fmt: skip
    assert messages(FULL, {"h": ""}, {"h": None, "a": ["x"]}, **ALL, **presets) == [
        f"<35>1 {START} host1 app1 77 ID47 - \ufefftext",
        f"<130>1 {START} hp ap pp mp -",
        f"<130>1 {START} hp ap pp mp -",
    ]


@pytest.mark.parametrize(
    ("severity", "facility", "priority"),
    [
        (3, 4, 35), ("err", "auth", 35), ("WARNING", "Local7", 188), ("0", "00", 0), ("7", "23", 191), ("6", "09", 78),
        ("9", "30", 14), (-1, -1, 14), ("3abc", "x", 14), (7.0, 1.0, 14), ("", "", 14), ("03", "024", 14),
        ("debug", "24", 15), (True, True, 14),
    ],
)  # fmt: skip
def test_severity_and_facility(severity: Any, facility: Any, priority: int) -> None:
    (message,) = messages({"s": severity, "f": facility}, **ALL)
    assert message == f"<{priority}>1 {START} - - - - -"


def test_every_name_has_its_number() -> None:
    assert [severity_of(n) for n in ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")] == [
        *range(8)
    ]
    assert (facility_of("kern"), facility_of("security"), facility_of("console"), facility_of("local0")) == (
        0,
        13,
        14,
        16,
    )


def test_a_wrong_severity_is_told_once() -> None:
    env = Env()
    messages({"s": "9", "f": 1}, {"s": "9", "f": "x"}, {"s": "err"}, env=env, **ALL)
    assert [(event, fields["value"]) for _, event, fields in env.said.lines] == [
        ("this is no severity of syslog, the preset is used", "9"),
        ("this is no facility of syslog, the preset is used", "x"),
    ]


def test_structured_data() -> None:
    data = {'a b=]"x': 'q"\\]z é', "n": 5, "f": 1.5, "t": True, "z": None, "l": [1], "m": {"x": 1}, "": "e", 7: "k"}
    records: list[dict[str, Any]] = [
        {"one": data},
        {"two": {}, "one": {"k" * 40: "v"}},
        {"one": "text"},
        {"é": {"é": "é"}},
    ]
    options: dict[str, Any] = {"syslog_sd_key": ["one", "two", "é"]}
    assert messages(*records, **options) == [
        f'<14>1 {START} - - - - [one a_b___x="q\\"\\\\\\]z é" n="5" f="1.500000" t="true" _="e"]',
        f'<14>1 {START} - - - - [two][one {"k" * 32}="v"]',
        f"<14>1 {START} - - - - -",
        f'<14>1 {START} - - - - [__ __="é"]',
    ]
    (long,) = messages(records[1], allow_longer_sd_id=True, **options)
    assert f'[one {"k" * 40}="v"]' in long


def test_fields_of_the_header_stay_apart() -> None:
    odd = {"h": "a b", "a": "c\nd", "p": "e\tf", "m": "géh", "log": "x"}
    long = {"h": "h" * 300, "a": "a" * 60, "p": "p" * 140, "m": "m" * 40, "log": "x"}
    assert messages(odd, long, **ALL) == [
        f"<14>1 {START} a_b c_d e_f g__h - \ufeffx",
        f"<14>1 {START} {'h' * 255} {'a' * 48} {'p' * 128} {'m' * 32} - \ufeffx",
    ]
    assert messages(odd, syslog_format="rfc3164", **ALL) == ["<14>Jun 10 06:13:20 a_b c_d[e_f]: x"]


def test_a_message_that_is_syslog_already() -> None:
    ready = ["<34>1 - - - - - - hi", "<0>x", "<191>Jun"]
    others = ["<html>", "<192>x", "<>", "<01>x", "<1"]
    records = [{"log": text} for text in ready + others]
    wrapped = [f"<14>1 {START} - - - - - \ufeff{text}" for text in others]
    assert messages(*records, **ALL) == ready + wrapped
    wrapped = [f"<14>Jun 10 06:13:20 {text}" for text in others]
    assert messages(*records, syslog_format="rfc3164", **ALL) == ready + wrapped


def test_messages_are_text_of_any_kind() -> None:
    values = ["h\u00e9 \u65e5", "nul\0\r\n", "caf\udce9 \udcff", b"\xff\x00", 5, 1.5, False]
    texts = ["h\u00e9 \u65e5", "nul\0\r\n", "caf\udce9 \udcff", "\udcff\0", "5", "1.500000", "false"]
    head = f"<14>1 {START} - - - - - \ufeff"
    assert messages(*[{"log": v} for v in values], **ALL) == [head + text for text in texts]


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, 2048), ({"syslog_format": "rfc3164"}, 1024), ({"syslog_maxsize": 100}, 100)],
)
def test_messages_that_are_too_long_are_cut(options: dict[str, Any], size: int) -> None:
    env = Env()
    short, long = messages({"log": "x"}, {"log": "0123456789" * 300}, env=env, **ALL, **options)
    assert (short[-1], len(long.encode())) == ("x", size)
    assert env.counts == {"oversized_records": 1}
    assert [event for _, event, _ in env.said.lines] == [
        "messages longer than syslog_maxsize are cut; the counter oversized_records says how many"
    ]


def test_a_message_is_cut_between_characters() -> None:
    (message,) = messages({"log": "aéé"}, syslog_maxsize=50, **ALL)
    assert message == f"<14>1 {START} - - - - - \ufeffaé"
    (message,) = messages({"log": "aéé"}, syslog_maxsize=49, **ALL)
    assert message == f"<14>1 {START} - - - - - \ufeffa"


@pytest.mark.parametrize(
    ("text", "size"), [("1k", 1000), ("10x", 0), ("-5", 0), ("off", 0), ("false", 0), ("2kb", 2000)]
)
def test_how_the_size_is_read(text: str, size: int) -> None:
    (spec,) = [s for s in spec_of(SyslogOutput) if s.name == "syslog_maxsize"]
    assert spec.kind.read(text) == size


def head(n: int) -> bytes:
    return f"<14>1 2024-06-10T06:13:2{n}.123456Z - - - - - \ufeff".encode()


def test_over_tcp_messages_are_lines() -> None:
    batch = events({"log": "line1\nline2"}, {"log": "two"})
    outcomes, data = streamed(syslog(mode="tcp", syslog_message_key="log"), batch)
    assert (outcomes, data) == ([DELIVERED], head(0) + b"line1\nline2\n" + head(1) + b"two\n")


def test_octets_are_counted_if_wanted() -> None:
    batch = events({"log": "line1\nline2"}, {"log": "two"})
    options = syslog(mode="tcp", syslog_framing="octet_counting", syslog_message_key="log")
    assert streamed(options, batch)[1] == b"58 " + head(0) + b"line1\nline2" + b"50 " + head(1) + b"two"


@pytest.mark.parametrize("options", [{"mode": "tls"}, {"mode": "tcp", "tls_on": True}])
def test_over_tls(options: dict[str, Any], tmp_path: Path) -> None:
    context = secure(tmp_path)
    tls = Tls(ca_file=str(tmp_path / "ca.pem"))
    outcomes, data = streamed(syslog(tls=tls, syslog_message_key="log", **options), TWO, tls=context)
    assert (outcomes, data) == ([DELIVERED], head(0) + b"one\n" + head(1) + b"two\n")


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    options = syslog(mode="unix", unix_path=path, syslog_message_key="log")
    assert dropped(options, TWO, path=path) == ([DELIVERED], [head(0) + b"one", head(1) + b"two"])


def test_nobody_listens(tmp_path: Path) -> None:
    (outcome,) = refused(syslog(), TWO)
    assert (list(outcome.retry), outcome.reason[-16:]) == ([0, 1], ": nobody listens")
    (outcome,) = refused(syslog(mode="tcp"), TWO)
    assert (list(outcome.retry), outcome.reason[-20:]) == ([0, 1], ": connection refused")
    (outcome,) = refused(syslog(mode="unix", unix_path=str(tmp_path / "none")), TWO)
    assert outcome == Outcome([0, 1], {}, f"{tmp_path / 'none'}: no such file or directory")


def test_a_message_that_no_datagram_holds_is_refused_alone() -> None:
    batch = events({"log": "one"}, {"log": "x" * 70_000}, {"log": "two"})
    outcomes, sent = dropped(syslog(syslog_maxsize=100_000, syslog_message_key="log"), batch)
    assert outcomes == [Outcome([], {1: "a record of 70,047 bytes is more than a datagram holds"}, "")]
    assert len(sent) == 2


def test_what_is_easily_got_wrong_is_told() -> None:
    env = Env()
    SyslogOutput().open(env)
    SyslogOutput(syslog_message_key="$log['m']", syslog_sd_key=["ok", "$sd"]).open(env)
    assert [(event, fields) for _, event, fields in env.said.lines] == [
        ("syslog_message_key is not given, so messages are empty", {}),
        ("syslog_sd_key takes the name of a field, no accessor; no field matches", {"value": "$sd"}),
        ("syslog_message_key takes the name of a field, no accessor; no field matches", {"value": "$log['m']"}),
    ]


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"mode": "tls", "tls_on": True, "syslog_framing": "octet_counting"}, []),
        ({"tls_on": True}, ["mode udp cannot speak TLS; use mode tls"]),
        (
            {"mode": "unix", "syslog_framing": "octet_counting"},
            ["syslog_framing is for tcp and tls; with mode unix a message is a datagram"],
        ),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[str]) -> None:
    assert [message for _, message in SyslogOutput(**options).check()] == problems


def read_mode(text: str) -> Any:
    (spec,) = [s for s in spec_of(SyslogOutput) if s.name == "mode"]
    return spec.kind.read(text)


def test_modes() -> None:
    assert [read_mode(text) for text in ("UDP", "tcp", "Tls", "unix")] == ["udp", "tcp", "tls", "unix"]
    with pytest.raises(ValueError, match=r"^DTLS is not supported; expected udp, tcp, tls or unix$"):
        read_mode("dtls")
    with pytest.raises(ValueError, match=r"^expected udp, tcp, tls or unix$"):
        read_mode("sctp")


# -- a real receiver ---------------------------------------------------------------------------------------------

RSYSLOG = """\
module(load="imudp")
module(load="imtcp")
global(workDirectory="{folder}" parser.escapeControlCharactersOnReceive="off")
template(name="all" type="list") {{
    property(name="pri") constant(value="|") property(name="hostname") constant(value="|")
    property(name="app-name") constant(value="|") property(name="procid") constant(value="|")
    property(name="msgid") constant(value="|") property(name="structured-data") constant(value="|")
    property(name="timereported" dateFormat="rfc3339" date.inUTC="on") constant(value="|")
    property(name="msg") constant(value="~~\\n")
}}
ruleset(name="in") {{ action(type="omfile" file="{folder}/got" template="all") }}
input(type="imudp" address="127.0.0.1" port="{port}" ruleset="in")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="in")
"""


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port that it listens on, and the file that it writes."""
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("rsyslogd is not installed (Debian: apt-get install rsyslog)")
    port = free_port()
    (tmp_path / "conf").write_text(RSYSLOG.format(folder=tmp_path, port=port))
    command = [program, "-n", "-f", str(tmp_path / "conf"), "-i", str(tmp_path / "pid")]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield port, tmp_path / "got"
    finally:
        running.terminate()
        running.wait(10)


@pytest.mark.parametrize("form", ["rfc5424", "rfc3164"])
@pytest.mark.parametrize("mode", ["udp", "tcp", "counted"])
def test_rsyslog_reads_what_we_meant(rsyslog: tuple[int, Path], form: str, mode: str) -> None:
    port, file = rsyslog
    options: dict[str, Any] = {"syslog_format": form, "syslog_sd_key": ["sd"], **ALL}
    if mode != "udp":
        options["mode"] = "tcp"
    lines = "two lines"
    if mode == "counted":
        options["syslog_framing"] = "octet_counting"
        lines = "two\nlines"
    batch = events(
        {**FULL, "sd": {"k": 'v"]'}},
        {"log": lines, "h": "a host", "a": "an app", "m": "x", "p": "1", "s": "debug", "f": "local0"},
    )
    output = SyslogOutput(port=port, **options)
    got: list[str] = []
    until = time.monotonic() + 60
    while len(got) < 2 and time.monotonic() < until:
        # rsyslog may not listen yet, and then nothing has arrived
        refused(lambda _: output, batch)
        for _ in range(20):
            got = file.read_text().split("~~\n")[:-1] if file.exists() else []
            if len(got) >= 2:
                break
            time.sleep(0.05)
    # rfc3164 has no year, no fraction of a second, no message id and no structured data, and the blank is the message's
    rows = [
        re.sub(r"^[0-9]{4}|\+00:00$", "", part) for line in got[:2] for part in line.replace("\ufeff", "").split("|")
    ]
    first, second = rows[:8], rows[8:]
    if form == "rfc5424":
        assert first == ["35", "host1", "app1", "77", "ID47", '[sd k="v\\"\\]"]', "-06-10T06:13:20.123456", "text"]
        assert second == ["135", "a_host", "an_app", "1", "x", "-", "-06-10T06:13:21.123456", lines]
    else:
        assert first == ["35", "host1", "app1", "77", "-", "-", "-06-10T06:13:20.000000", " text"]
        assert second == ["135", "a_host", "an_app", "1", "-", "-", "-06-10T06:13:21.000000", f" {lines}"]
