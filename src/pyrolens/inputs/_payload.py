"""What tcp and udp carry: JSON records, or lines of text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from pyrolens.api import Event, InputEnv, Parse, ParserName, Record, opt
from pyrolens.inputs._json import take_values
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._text import find_parser, parsed, text_of, unescaped

Take = Callable[[bytes, bool, Record], tuple[list[Event], bytes]]
"""(data, nothing follows, fields of the peer) -> (the events of the whole records, what is no whole record yet)"""

decode_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


@dataclass(frozen=True, kw_only=True)
class Payload:
    """Options of tcp and udp."""

    format: Literal["json", "none"] = opt(
        "json: JSON objects one after the other. none: text, in the field `log`.", default="json"
    )
    separator: str = opt(r"What separates records with the format none; \n, \t, \x00 are understood.", default=r"\n")
    parser: ParserName | None = opt("Parse each record with this parser; makes the format none.", default=None)

    def take(self, env: InputEnv, refuse: Refusals) -> Take:
        """Raises: ConfigError for a parser that is not there."""
        if self.parser:
            return take_text(env, unescaped(self.separator), find_parser(env, self.parser))
        return take_json(env, refuse) if self.format == "json" else take_text(env, unescaped(self.separator), None)


def take_json(env: InputEnv, refuse: Refusals) -> Take:
    """JSON objects one after the other. What is not JSON is left out up to the end of its line."""

    def take(data: bytes, last: bool, peer: Record) -> tuple[list[Event], bytes]:
        now = env.now()
        if not peer and (last or data.endswith(b"\n")):
            try:
                # one object a line, as nearly everybody sends them
                return [(now, record) for record in decode_lines(data)], b""
            except (msgspec.MsgspecError, ValueError, RecursionError):
                pass
        taken = take_values(data, last)
        events: list[Event] = []
        for value in taken.values:
            if isinstance(value, list):
                value = {"msg": value}
            if isinstance(value, dict):
                events.append((now, {**value, **peer} if peer else value))
            else:
                refuse("JSON that is not an object")
        if taken.refused:
            refuse("not JSON", taken.refused)
        return events, taken.rest

    return take


def take_text(env: InputEnv, separator: bytes, parse: Parse | None) -> Take:
    """Texts between separators, in the field `log` or as the parser makes them. Only parsed ones get the peer's."""

    def take(data: bytes, last: bool, peer: Record) -> tuple[list[Event], bytes]:
        *lines, rest = data.split(separator)
        if last:
            lines, rest = [*lines, rest], b""
        now = env.now()
        texts = [text_of(line) for line in lines if line]
        if parse is None:
            return [(now, {"log": text}) for text in texts], rest
        events: list[Event] = [parsed(parse, text, now) or (now, {"log": text}) for text in texts]
        if peer:
            events = [(ns, {**record, **peer}) for ns, record in events]
        return events, rest

    return take


def peer_url(scheme: str, peer: Any) -> str:
    """tcp://ADDRESS:PORT of an address as sockets give it; of a unix socket its path."""
    if not isinstance(peer, tuple):
        return f"{scheme}://{_path(peer)}"
    host, port = peer[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _path(peer: Any) -> str:
    text = text_of(peer) if isinstance(peer, bytes) else str(peer or "")
    return text.partition("\0")[0]
