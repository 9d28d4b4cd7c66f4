"""Variables in values: ${NAME} and ${NAME:-default}.

Source: Fluent Bit 5.1.1, src/flb_env.c. The rules look odd and are kept, because configs rely on them; what they do
to a value is told to whoever asks, so that it can be shown as a warning.
Differs: Fluent Bit puts variables into some plugin options twice, so that the value of a variable is searched for
variables again; here what a variable holds is never looked into.
"""

import os
import socket
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pyrolens.language.document import Definition
from pyrolens.problems import Problems, nearest

LONGEST_NAME = 4095


class Resolved(NamedTuple):
    """A value with its variables put in."""

    text: str
    used: tuple[str, ...] = ()
    """The variables that were named. If there are any, the text may hold a secret: show the value as written."""
    unset: tuple[str, ...] = ()
    """Those of them that have no value, and became nothing."""
    stuck: bool = False
    """A } before a ${ ended the search: variables after it stay as text, and text between may be lost."""


class Variables:
    """What the config defines and what the environment holds.

    A variable that the config defines hides that of the environment. HOSTNAME is always there. In the environment an
    empty variable counts as not set; one that the config defines as empty is set."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ = os.environ if environ is None else environ
        self.defined: dict[str, str] = {}
        if not self.environ.get("HOSTNAME"):
            self.defined["HOSTNAME"] = socket.gethostname()

    def define(self, definitions: Iterable[Definition], problems: Problems) -> None:
        """Take over what a config defines; files are read now."""
        for definition in definitions:
            value = definition.value
            if value.startswith("file://") and len(value) > len("file://"):
                try:
                    value = text_of(value.removeprefix("file://"))
                except (OSError, ValueError) as why:
                    reason = why.strerror if isinstance(why, OSError) else str(why)
                    message = f"{definition.name} cannot be read from {definition.value}: {reason}"
                    report = problems.error if definition.required else problems.warning
                    report("variable-file", message, definition.place)
                    continue
            self.defined[definition.name] = value

    def get(self, name: str) -> str | None:
        if name in self.defined:
            return self.defined[name]
        return self.environ.get(name) or None

    def resolve(self, text: str) -> Resolved:
        """Put the variables in."""
        if "${" not in text:
            return Resolved(text)
        out: list[str] = []
        used: list[str] = []
        unset: list[str] = []
        at, end, stuck = 0, -1, False
        while at < len(text):
            start = text.find("${", at)
            if start < 0:
                break
            end = text.find("}", at)
            if end < 0:
                stuck = True
                break
            name = text[start + 2 : end]
            if not name or len(name.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
                stuck = True
                break
            head, colon, tail = name.partition(":")
            default = tail[1:] if colon and tail.startswith("-") else None
            if default is not None:
                name = head
            out.append(text[at:start])
            used.append(name)
            value = self.get(name)
            if value is not None and not (default is not None and not value):
                out.append(value)
            elif default is not None:
                out.append(default)
            else:
                unset.append(name)
            at = end + 1
        if end >= 0 and used:
            out.append(text[end + 1 :])
        resolved = "".join(out)
        if not resolved and not used:
            resolved = text
        return Resolved(resolved, tuple(used), tuple(unset), stuck)

    def hint(self, name: str) -> str:
        """For a variable that is not set. Only names that the config itself defines are offered."""
        return nearest(name, self.defined)


def text_of(path: str) -> str:
    """A file as the value of a variable: exactly one newline (or carriage return) is cut from its end.

    Raises: OSError, ValueError when nothing is in it."""
    with open(path, "rb") as file:
        text = file.read().decode("utf-8", "surrogateescape")
    if text.endswith(("\n", "\r")):
        text = text[:-1]
    if not text:
        raise ValueError("the file is empty")
    return text
