"""The Fluent Bit that PYROLENS_PEER names, with an input of each kind to which our outputs send."""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.net.certificates import make
from tests.ports import free_port
from tests.servers.programs import Program, listening

INPUTS = {
    "forward": "Name forward\nBuffer_Max_Size 8M",
    "secure": "Name forward\nShared_Key between us\nSelf_Hostname peer\nSecurity.Users me pass",
    "http": "Name http",
    "splunk": "Name splunk\nSplunk_Token t",
    "elasticsearch": "Name elasticsearch",
    "opentelemetry": "Name opentelemetry",
    "tcp": "Name tcp\nFormat json",
    "udp": "Name udp\nFormat json",
    "syslog": "Name syslog\nMode tcp\nParser rfc5424",
}
SECURE = ("secure",)
PARSER = r"""
[PARSER]
    Name rfc5424
    Format regex
    Regex /^<(?<pri>\d+)>1 (?<time>\S+) (?<host>\S+) (?<ident>\S+) (?<pid>\S+) - - (?:\xEF\xBB\xBF)?(?<message>.*)$/
    Time_Key time
    Time_Format %Y-%m-%dT%H:%M:%S.%L
"""
LINE = re.compile(r"(?P<tag>[^:]*): \[(?P<time>[0-9.]+), (?P<record>.*)\]")


class Taken(NamedTuple):
    tag: str
    time: float
    record: dict[str, Any]


class FluentBit:
    def __init__(self, folder: Path) -> None:
        peer = os.environ.get("PYROLENS_PEER")
        if not peer:
            # whatever PYROLENS_SERVERS says: no package has it
            pytest.skip("PYROLENS_PEER names no Fluent Bit")
        self.folder = folder
        make(folder, ["127.0.0.1"])
        self.ports = {name: free_port() for name in INPUTS}
        config = "[SERVICE]\nFlush 0.2\nParsers_File parsers.conf\n"
        for name, lines in INPUTS.items():
            tls = f"tls on\ntls.crt_file {folder}/cert.pem\ntls.key_file {folder}/key.pem\n" if name in SECURE else ""
            config += f"[INPUT]\n{lines}\nAlias {name}\nListen 127.0.0.1\nPort {self.ports[name]}\n{tls}"
            if "forward" not in lines:
                config += f"Tag {name}\n"
        config += f"[OUTPUT]\nName file\nMatch *\nPath {folder}\nFile out\n"
        (folder / "parsers.conf").write_text(PARSER)
        file = folder / "fluent-bit.conf"
        file.write_text("".join(line if line[0] == "[" else f"    {line}" for line in config.splitlines(keepends=True)))
        self.program = Program([peer, "-c", str(file)], folder / "server.log")

    def ready(self) -> bool:
        return all(listening(port) for name, port in self.ports.items() if name != "udp")

    def taken(self) -> list[Taken]:
        file = self.folder / "out"
        found = [LINE.fullmatch(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [Taken(m["tag"], float(m["time"]), json.loads(m["record"])) for m in found if m]
