import os
import threading
from pathlib import Path

import pytest

from pyrolens.api import Event
from pyrolens.plugin import find, names
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.sent import NotShownError, sent
from tests.contracts.test_every_output import CONFIGS
from tests.rehearsal.configs import FORWARD, config

NS = 1_718_000_000_123_456_789
RECORD = {"log": "hello", "short_message": "hello", "n": 1}
EVENTS: list[Event] = [(NS, RECORD)]

SHOWN: dict[str, list[bytes | str]] = {
    "cloudwatch": [
        '{"logGroupName":"g","logStreamName":"s","timestamp":1718000000123,'
        '"message":"{\\"log\\":\\"hello\\",\\"short_message\\":\\"hello\\",\\"n\\":1}"}'
    ],
    "file": [b'web.app: [1718000000.123456789, {"log":"hello","short_message":"hello","n":1}]\n'],
    "firehose": [b'{"log":"hello","short_message":"hello","n":1}\n'],
    "http": [b'{"date":1718000000.123457,"log":"hello","short_message":"hello","n":1}'],
    "kafka": [b'{"@timestamp":1718000000.123457,"log":"hello","short_message":"hello","n":1}'],
    "s3": [b'{"date":"2024-06-10T06:13:20.123456Z","log":"hello","short_message":"hello","n":1}\n'],
    "sns": ['{"log":"hello","short_message":"hello","n":1}'],
    "splunk": [b'{"time":1718000000.123457,"event":{"log":"hello","short_message":"hello","n":1}}'],
}
SHOWN["cloudwatch_logs"] = SHOWN["cloudwatch"]
NOTHING = {"null", "counter"}


def text_of(name: str, folder: Path) -> str:
    lines = CONFIGS.get(name, "Host {host}\nPort {port}\n" if takes_host(name) else "")
    lines = "Brokers 127.0.0.1:9092\nTopics t\n" if name == "kafka" else lines
    given = lines.format(host="127.0.0.1", port=9, scheme="http", tls="off", dir=folder, alias="a")
    return f"[OUTPUT]\n    Name {name}\n    Match *\n" + "".join(f"    {line}\n" for line in given.splitlines())


def takes_host(name: str) -> bool:
    return hasattr(find("output", name), "host") or "host" in getattr(find("output", name), "__dataclass_fields__", {})


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "eu-west-1")):
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", names("output"))
def test_every_output_shows_what_it_sends_and_opens_nothing(name: str, tmp_path: Path) -> None:
    loaded = config(tmp_path, FORWARD + text_of(name, tmp_path))
    before = threading.active_count(), len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    files = sorted(tmp_path.rglob("*"))
    takes_logs = loaded.outputs[0].plugin.takes_logs
    if name in NOTHING or not takes_logs:
        with pytest.raises(NotShownError, match="sends nothing" if takes_logs else "takes metrics only"):
            sent(loaded, f"{name}.0", "web.app", EVENTS)
        return
    items = sent(loaded, f"{name}.0", "web.app", EVENTS)
    assert SHOWN.get(name, items) == items
    assert "hello" in "".join(item if isinstance(item, str) else item.decode(errors="replace") for item in items)
    after = threading.active_count(), len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert (after, sorted(tmp_path.rglob("*"))) == (before, files)


def test_secrets_of_the_config_do_not_show(tmp_path: Path) -> None:
    text = "[OUTPUT]\n    Name http\n    Match *\n    Host h\n    http_User u\n    http_Passwd sesame-öpen\n"
    loaded = config(tmp_path, FORWARD + text)
    (item,) = sent(loaded, "http.0", "t", [(NS, {"log": "it is sesame-öpen"})])
    assert item == b'{"date":1718000000.123457,"log":"it is ***"}'


def test_what_cannot_be_encoded_is_told(tmp_path: Path) -> None:
    text = "[OUTPUT]\n    Name http\n    Alias web\n    Match *\n    Host h\n    body_key $b\n    headers_key $h\n"
    with Rehearsal(config(tmp_path, FORWARD + text)) as r:
        events: list[Event] = [(NS, {"b": "body", "h": {"X": "1"}}), (NS, {"b": 1})]
        assert r.sent("web", "t", events) == (
            (b"body",),
            ((events[1], "no text for body_key or no map for headers_key"),),
        )


def test_certificates_of_the_routers_image_need_not_be_here(tmp_path: Path) -> None:
    for name in ("http", "kinesis_firehose"):
        text = text_of(name, tmp_path) + "    tls on\n    tls.verify on\n    tls.ca_file /nowhere/ca.pem\n"
        assert sent(config(tmp_path, FORWARD + text), f"{name}.0", "t", EVENTS)


def test_an_output_that_is_not_there(tmp_path: Path) -> None:
    loaded = config(tmp_path, FORWARD + "[OUTPUT]\n    Name null\n    Match *\n")
    with pytest.raises(LookupError, match=r"there is no output x; outputs are null\.0"):
        sent(loaded, "x", "t", EVENTS)
