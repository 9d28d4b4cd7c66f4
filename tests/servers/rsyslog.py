"""rsyslog of Debian, which writes what it understood of each message to a file per input."""

import json
from pathlib import Path
from typing import Any

from tests.net.certificates import make
from tests.ports import free_port
from tests.servers.programs import Program, listening, missing, program

INPUTS = ("udp", "tcp", "tls", "unix")
FIELDS = ("pri", "timereported", "hostname", "app-name", "procid", "msgid", "structured-data", "msg", "rawmsg")
CONFIG = """\
global(workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
    defaultNetstreamDriverCAFile="{folder}/ca.pem" defaultNetstreamDriverCertFile="{folder}/cert.pem"
    defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" sysSock.use="off")
template(name="understood" type="list" option.jsonf="on") {{
{properties}
}}
{rules}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="udp")
input(type="imtcp" address="127.0.0.1" port="{tcp}" ruleset="tcp")
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="tls"
    streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imuxsock" socket="{folder}/log" ruleset="unix" useSysTimeStamp="off" ignoreTimestamp="off"
    useSpecialParser="off" parseHostname="on")
"""
RULES = """\
ruleset(name="{name}") {{ action(type="omfile" file="{folder}/{name}.jsonl" template="understood") }}
"""


class Rsyslog:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.udp, self.tcp, self.tls = free_port(), free_port(), free_port()
        self.socket = folder / "log"
        make(folder, ["127.0.0.1"])
        properties = "\n".join(
            f'    property(outname="{field}" name="{field}" format="jsonf"'
            + (' dateFormat="rfc3339")' if field == "timereported" else ")")
            for field in FIELDS
        )
        places = {"udp": self.udp, "tcp": self.tcp, "tls": self.tls}
        rules = "".join(RULES.format(name=name, folder=folder) for name in INPUTS)
        file = folder / "rsyslog.conf"
        file.write_text(CONFIG.format(folder=folder, properties=properties, rules=rules, **places))
        command = [program("rsyslogd", "rsyslog"), "-n", "-f", str(file), "-i", str(folder / "pid")]
        if not any(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
            missing("rsyslog has no TLS here (Debian: apt-get install rsyslog-gnutls)")
        self.program = Program(command, folder / "server.log")

    def ready(self) -> bool:
        return self.socket.exists() and listening(self.tcp) and listening(self.tls)

    def understood(self, name: str) -> list[dict[str, Any]]:
        """What came in by that input."""
        file = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
