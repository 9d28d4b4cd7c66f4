"""The secret values of a config, which must not be seen: in the log, in dead letters, in answers of the HTTP API."""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from pyrolens.config import Config
from pyrolens.options import SECRET_NAME, Pair, spec_of
from pyrolens.plugin import Plugin

SHORTEST = 6
"""Characters. Shorter secrets are common words or numbers, and masking them would spoil the log."""
SCHEME = re.compile(r"(?:Bearer|Basic|Splunk|Token|ApiKey|Api-Token)\s+(\S.*)", re.IGNORECASE)
"""Of a header: what stands before the secret."""
USERINFO = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def secrets_of(plugins: Iterable[Plugin], environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The values of all options that are declared secret, also as basic authentication sends them: a server may say
    in an answer what it was sent. Passwords within addresses, and headers that log in, are secrets, too."""
    for name, value in environ.items():
        if name.lower() in PROXIES:
            yield from _of_address(value)
    for plugin in plugins:
        for spec in spec_of(type(plugin)):
            holder = getattr(plugin, spec.group) if spec.group else plugin
            value = getattr(holder, spec.field)
            for one in value if isinstance(value, list) else [value] if value else []:
                name, text = (one.key, one.value) if isinstance(one, Pair) else (spec.name, one)
                if not isinstance(text, str):
                    continue
                if spec.kind.secret:
                    yield text
                    yield from basic(text, holder, name if isinstance(one, Pair) else None)
                elif isinstance(one, Pair) and SECRET_NAME.search(name) and spec.name.startswith("header"):
                    yield text
                    yield from SCHEME.findall(text)
                else:
                    yield from _of_address(text)


def plugins_of(config: Config) -> list[Plugin]:
    """All of them."""
    return [
        *(built.plugin for built in config.inputs),
        *(built.plugin for built in config.filters),
        *(built.plugin for built in config.outputs),
    ]


def _of_address(text: str) -> Iterator[str]:
    for found in USERINFO.findall(text):
        yield found
        yield unquote(found)


def basic(secret: str, holder: Any, user: str | None = None) -> Iterator[str]:
    """user:secret in base64 for each user beside it, and secret: of those who have only a key."""
    users = {v for name, v in vars(holder).items() if name.endswith(("user", "username")) and isinstance(v, str)}
    if user is not None:
        users.add(user)
    for text in (secret, f"{secret}:", *(f"{user}:{secret}" for user in sorted(users))):
        yield base64.b64encode(text.encode()).decode()


class Mask:
    """Puts *** in place of secrets, however they are spelled."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._found: re.Pattern[str] | None = None

    def add(self, secrets: Iterable[str]) -> None:
        new = {s for s in secrets if len(s) >= SHORTEST} - self._secrets
        if new:
            self._secrets |= new
            spelled = {form for secret in self._secrets for form in forms(secret)}
            self._found = re.compile("|".join(map(_pattern, sorted(spelled, key=len, reverse=True))))

    def __call__(self, text: str) -> str:
        return self._found.sub("***", text) if self._found is not None else text


def forms(secret: str) -> set[str]:
    """How it may stand in a text: as it is, in an address, in JSON, in a quoted field of the log."""
    plain = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
    plain |= {repr(secret)[1:-1], secret.replace("/", "\\/")}
    once = {_quoted(text) for text in plain}
    return plain | once | {_quoted(text) for text in once}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _pattern(text: str) -> str:
    """It, or its first half up to a blank or a quote: an excerpt of an answer may end within it."""
    half = text[: max(8, len(text) // 2)]
    return re.escape(text) + (f"|{re.escape(half)}[^\\s\"'\\\\]*" if len(half) < len(text) else "")
