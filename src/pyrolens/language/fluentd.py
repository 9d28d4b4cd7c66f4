"""Fluentd's language: `<source>`, `<match PATTERN>` and the like with `key value` lines and sections inside.

Source: Fluentd 1.19, lib/fluent/config/v1_parser.rb and literal_parser.rb.
Differs: Fluentd stops at the first mistake; here all of them are told. Ruby is not run: in double quotes, `#{…}` may
name the environment and the host, and nothing else. What is included without a wildcard must be there.
"""

import glob
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from pyrolens.language.document import Entry, Expanded
from pyrolens.language.includes import Files, UnreadableError, is_elsewhere, shown
from pyrolens.problems import Place, Problems

SHOWN = 200
"""Characters of a line that are shown with a problem."""
DEEPEST = 20
"""Of sections and of includes inside each other."""
RESERVED = ("@type", "@id", "@label", "@log_level")
OF_THE_ROOT = ("source", "match", "filter", "system")
"""Sections whose @ parameters are reserved."""
RUBY_HINT = (
    "write \"#{ENV['NAME']}\", \"#{ENV.fetch('NAME', 'default')}\", \"#{ENV['NAME'] || 'default'}\" or \"#{hostname}\""
)

SPACING = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*(?:[\r\n]|\Z))+")
BLANKS = re.compile(r"[ \t\r\n]+")
LINE_END = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:[\r\n]|\Z))+")
ARGUMENT_END = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*(?:[\r\n]|\Z))*>")
NAME = re.compile(r"[a-zA-Z0-9_]*")
REST = re.compile(r"[^\r\n]*")
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "b": "\b", "0": "\0"}
QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
TERM = re.compile(
    rf"""\s*(?:(?:::)?ENV\[\s*(?P<env>{QUOTED})\s*\]
    |(?:::)?ENV\.fetch\(\s*(?P<fetch>{QUOTED})\s*(?:,\s*(?P<default>{QUOTED})\s*)?\)
    |(?P<host>hostname|Socket\.gethostname)|(?P<worker>worker_id)
    |(?P<text>{QUOTED})|(?P<unset>use_nil|use_default))\s*(?P<end>\|\||\}})""",
    re.VERBOSE,
)


@dataclass(slots=True, eq=False)
class Element:
    """`<name argument>` with what is in it."""

    name: str
    """ROOT: the file as a whole."""
    argument: str
    place: Place
    argument_place: Place
    entries: list[Entry] = field(default_factory=list)
    """Values are text: those of arrays and hashes are JSON. What came from the environment is Expanded."""
    elements: list["Element"] = field(default_factory=list)

    def get(self, key: str) -> Entry | None:
        """The last one of that name, which counts."""
        return next((e for e in reversed(self.entries) if e.key == key), None)

    def text(self, key: str) -> str:
        """Its value, or ""."""
        entry = self.get(key)
        return str(entry.value) if entry else ""

    def of(self, *names: str) -> list["Element"]:
        return [e for e in self.elements if e.name in names]


def parse(text: str, file: str, files: Files, environ: Mapping[str, str], problems: Problems) -> Element:
    """What the text and all that it includes says; what is wrong in it goes to problems."""
    root = Element("ROOT", "", Place(file, 1), Place(file, 1))
    _Reader(text, file, files, environ, problems, (file,)).read(root, True)
    return root


class _WrongError(Exception):
    """The line cannot be understood, and that was told."""


class _UnsetError(Exception):
    """use_nil or use_default: as if the parameter were not there."""


class _Reader:
    """One file."""

    def __init__(
        self,
        text: str,
        file: str,
        files: Files,
        environ: Mapping[str, str],
        problems: Problems,
        within: tuple[str, ...],
    ) -> None:
        self.text, self.file, self.files, self.environ, self.problems = text, file, files, environ, problems
        self.within = within
        """The files that include each other, this one last."""
        self.at = 0
        self.expanded = False
        """The environment was asked for the value that is being read."""
        self.starts = [0, *(m.end() for m in re.finditer(r"\r\n|\r|\n", text))]

    # -- where, and what is wrong --------------------------------------------------------------------------------

    def place(self, start: int, end: int | None = None) -> Place:
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starts[middle] <= start else (low, middle)
        begin = self.starts[low]
        line = REST.match(self.text, begin)
        text = line[0][:SHOWN] if line else ""
        length = max(min((end if end is not None else start + 1) - start, len(text) - (start - begin)), 1)
        return Place(self.file, low + 1, start - begin + 1, length, text)

    def wrong(self, message: str, start: int, end: int | None = None, hint: str = "") -> "_WrongError":
        self.problems.error("syntax", message, self.place(start, end), hint)
        return _WrongError()

    def skip(self, pattern: re.Pattern[str]) -> bool:
        """Go behind what fits here."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found is not None

    def next_line(self) -> None:
        """Behind the end of this line, whatever stands in it."""
        self.skip(REST)
        self.at = min(self.at + 1, len(self.text))

    # -- sections ------------------------------------------------------------------------------------------------

    def read(self, into: Element, root: bool, depth: int = 0) -> None:
        """All up to the end of the section, or of the file for the root."""
        while True:
            self.skip(SPACING)
            if self.at >= len(self.text):
                if not root:
                    self.problems.error("syntax", f"<{into.name}> is not closed", into.place, f"write </{into.name}>")
                return
            start = self.at
            try:
                if self.text.startswith("</", self.at):
                    if self.close(into, root):
                        return
                elif self.text[self.at] == "<":
                    self.open(into, depth)
                else:
                    self.entry(into, root)
            except _WrongError:
                self.at = max(self.at, start)
                self.next_line()

    def close(self, element: Element, root: bool) -> bool:
        """Whether the section ends here."""
        start = self.at
        self.at += 2
        found = NAME.match(self.text, self.at)
        name = found[0] if found else ""
        self.at += len(name)
        self.skip(SPACING)
        if not self.text.startswith(">", self.at):
            raise self.wrong(f"</{name} has no >", start, self.at)
        self.at += 1
        if root:
            raise self.wrong(f"</{name}> closes nothing", start, self.at, f"remove it, or write <{name}> before")
        if name != element.name:
            message = f"</{name}> closes <{element.name}>, which begins at {element.place}"
            self.problems.error("syntax", message, self.place(start, self.at), f"write </{element.name}>")
        elif not self.skip(LINE_END):
            raise self.wrong("a line has to end behind a closed section", self.at)
        return True

    def open(self, into: Element, depth: int) -> None:
        start = self.at
        self.at += 1
        found = NAME.match(self.text, self.at)
        name = found[0] if found else ""
        if not name:
            raise self.wrong("a section needs a name", start, start + 1, "such as <match **>")
        self.at += len(name)
        self.skip(SPACING)
        argument_at = self.at
        try:
            argument = self.string(ARGUMENT_END)
        except _UnsetError:
            argument = ""
        argument_end = self.at
        self.skip(SPACING)
        if not self.text.startswith(">", self.at):
            self.at = argument_end
            raise self.wrong(f"<{name} has no >", start, argument_end)
        self.at += 1
        element = Element(name, argument, self.place(start, self.at), self.place(argument_at, argument_end))
        if not self.skip(LINE_END):
            raise self.wrong(f"a line has to end behind <{name}>", self.at)
        into.elements.append(element)
        if depth >= DEEPEST:
            self.at = len(self.text)
            raise self.wrong(f"more than {DEEPEST} sections inside each other", start)
        self.read(element, False, depth + 1)

    # -- lines ---------------------------------------------------------------------------------------------------

    def entry(self, into: Element, root: bool) -> None:
        start = self.at
        try:
            key = self.string(SPACING)
        except _UnsetError:
            key = ""
        end = self.at
        if not key:
            raise self.wrong("a key is expected here", start)
        if key == "@include" or (root and key == "include"):
            if key == "include":
                self.problems.warning("old-include", "include is spelt @include", self.place(start, end))
            self.include(into)
            return
        if key.startswith("@") and key not in RESERVED and into.name in (*OF_THE_ROOT, "ROOT"):
            hint = "the parameters with @ are @type, @id, @label, @log_level and @include"
            raise self.wrong(f"there is no {key}", start, end, hint)
        blanks = BLANKS.match(self.text, self.at)
        if blanks is None or "\n" in blanks[0] or blanks.end() == len(self.text):
            # a key alone stands for an empty value; for a boolean that is true
            self.at = blanks.end() if blanks else self.at
            into.entries.append(Entry(key, "", self.place(start, end), self.place(start, end)))
            return
        self.at = value_at = blanks.end()
        try:
            value = self.literal()
        except _UnsetError:
            # what the key was before is forgotten, too
            into.entries = [entry for entry in into.entries if entry.key != key]
            self.skip(REST)
            return
        value_end = self.at
        if not self.skip(LINE_END):
            hint = "put quotes around all of it, or around none"
            raise self.wrong("the line has to end behind the value", self.at, hint=hint)
        place, value_place = self.place(start, end), self.place(value_at, value_end)
        into.entries.append(Entry(key, value, place, value_place))

    def include(self, into: Element) -> None:
        self.skip(BLANKS)
        start = self.at
        try:
            path = self.string(LINE_END)
        except _UnsetError:
            path = ""
        place = self.place(start, self.at)
        if not path:
            raise self.wrong("@include needs a path", start)
        if is_elsewhere(path):
            self.read_file(path, place, into)
            return
        if re.match(r"(?!file:)[a-z][a-z0-9+.-]+://", path):
            self.problems.error("include", f"{path}: nothing is read from there", place, "download it first")
            return
        path = unquote(path.removeprefix("file://").replace("+", " ") if "%" in path else path.removeprefix("file://"))
        wanted = path if os.path.isabs(path) else os.path.join(glob.escape(os.path.dirname(self.file)), path)
        try:
            found = sorted(glob.glob(wanted, recursive=True))
        except (OSError, ValueError, re.error):
            found = []
        wild = glob.has_magic(path)
        if not found and wild:
            self.problems.warning("include", f"no file matches {path}", place, f"relative to {self.where()}")
        elif not found:
            self.problems.error("include", f"{path} is not there", place, f"relative to {self.where()}")
        for name in found:
            self.read_file(name, place, into)

    def where(self) -> str:
        return os.path.dirname(os.path.abspath(self.file))

    def read_file(self, name: str, place: Place, into: Element) -> None:
        self.files.includes.setdefault((self.file, place.line), []).append(name)
        if name in self.within or len(self.within) >= DEEPEST:
            self.problems.error("include", f"{name} includes itself", place, "a file that includes itself never ends")
            return
        try:
            text = self.files.read(name, again=True)
        except UnreadableError as why:
            self.problems.error("include", str(why), place, why.hint)
            return
        inner = _Reader(text, shown(name), self.files, self.environ, self.problems, (*self.within, name))
        # what a file says at its top belongs to where it is included
        inner.read(into, True)

    # -- values --------------------------------------------------------------------------------------------------

    def literal(self) -> str:
        if self.text.startswith(("[", "{"), self.at):
            return self.json()
        return self.string(LINE_END)

    def string(self, boundary: re.Pattern[str]) -> str:
        start, self.expanded = self.at, False
        if self.text.startswith('"', self.at):
            value = "".join(self.double_quoted())
        elif self.text.startswith("'", self.at):
            value = "".join(self.single_quoted())
        else:
            return self.bare(boundary)
        return Expanded(value, self.text[start : self.at]) if self.expanded else value

    def bare(self, boundary: re.Pattern[str]) -> str:
        """Up to the boundary. A # right behind something else is a part of it."""
        start = self.at
        text = self.text
        while self.at < len(text) and text[self.at] not in "\r\n":
            if text[self.at] != "#" and boundary.match(text, self.at):
                break
            self.at += 1
        return text[start : self.at]

    def single_quoted(self) -> Iterator[str]:
        start = self.at
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] not in "\r\n":
            char = self.text[self.at]
            if char == "'":
                self.at += 1
                return
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ("'", "\\"):
                self.at += 1
                char = self.text[self.at]
            yield char
            self.at += 1
        raise self.wrong("a text in single quotes ends with the line", start, self.at, "close it with '")

    def double_quoted(self) -> Iterator[str]:
        start = self.at
        self.at += 1
        unset = False
        while self.at < len(self.text):
            char = self.text[self.at]
            following = self.text[self.at + 1 : self.at + 2]
            if char == '"':
                self.at += 1
                if unset:
                    raise _UnsetError
                return
            if char == "\\" and following:
                yield self.escaped(following)
            elif char == "#" and following == "{":
                try:
                    yield self.embedded()
                except _UnsetError:
                    unset = True
            else:
                yield char
                self.at += 1
        self.at = start
        raise self.wrong("a text in double quotes is not closed", start, hint='close it with "')

    def escaped(self, char: str) -> str:
        self.at += 2
        if char in "\r\n":
            return ""  # the line goes on
        if char in ESCAPES:
            return ESCAPES[char]
        if char.isascii() and char.isalnum():
            start = self.at - 2
            raise self.wrong(f"there is no escape \\{char}", start, self.at, f"write \\\\{char}, or use single quotes")
        return char

    def embedded(self) -> str:
        """The value of `#{…}`, behind which this goes on."""
        start = self.at
        self.at += 2
        self.expanded = True
        value: str | None = None
        name = ""
        while True:
            found = TERM.match(self.text, self.at)
            if found is None:
                end = re.compile(r"[^\r\n}]*\}?").match(self.text, self.at)
                code = self.text[start : end.end() if end else self.at]
                self.at = start
                raise self.wrong(f"{code}: no Ruby is run here", start, start + len(code), RUBY_HINT)
            self.at = found.end()
            if value is None and found["unset"]:
                self.to_end(found["end"])
                raise _UnsetError
            if value is None:
                value = self.term(found)
                name = name or unquoted(found["env"] or found["fetch"] or "")
            if found["end"] == "}":
                break
        if value is None:
            message = f"the environment has no {name}, so nothing is put in"
            hint = f"set it, or write #{{ENV['{name}'] || 'something else'}}"
            self.problems.warning("variable-unset", message, self.place(start, self.at), hint)
        return value or ""

    def to_end(self, reached: str) -> None:
        """Behind the } of an expression whose value is known."""
        while reached != "}":
            found = TERM.match(self.text, self.at)
            if found is None:
                raise self.wrong("no Ruby is run here", self.at, hint=RUBY_HINT)
            self.at, reached = found.end(), found["end"]

    def term(self, found: re.Match[str]) -> str | None:
        if found["env"]:
            return self.environ.get(unquoted(found["env"]))
        if found["fetch"]:
            name = unquoted(found["fetch"])
            if name in self.environ or found["default"]:
                return self.environ.get(name, unquoted(found["default"] or "''"))
            hint = f"set it, or write #{{ENV.fetch('{name}', 'something else')}}"
            raise self.wrong(f"the environment has no {name}", found.start(), found.end(), hint)
        if found["host"]:
            return socket.gethostname()
        return "0" if found["worker"] else unquoted(found["text"])

    def json(self) -> str:
        """An array or a hash, over any number of lines, without its comments."""
        start, self.expanded = self.at, False
        out: list[str] = []
        depth, quoted = 0, False
        while self.at < len(self.text):
            char = self.text[self.at]
            if quoted and char == "\\":
                out.append(self.text[self.at : self.at + 2])
                self.at += 2
                continue
            if quoted and char == "#" and self.text[self.at + 1 : self.at + 2] == "{":
                out.append(json.dumps(self.embedded(), ensure_ascii=False)[1:-1])
                continue
            if char == "#" and not quoted:
                self.skip(REST)
                continue
            out.append(char)
            self.at += 1
            if char == '"':
                quoted = not quoted
            elif not quoted and char in "[{":
                depth += 1
            elif not quoted and char in "]}":
                depth -= 1
                if depth == 0:
                    break
        what = "an array" if self.text[start] == "[" else "a hash"
        if depth or quoted:
            self.at = start
            raise self.wrong(f"{what} is not closed", start)
        try:
            value = json.loads("".join(out), parse_constant=_no_constant)
        except (ValueError, RecursionError) as why:
            reason = getattr(why, "msg", str(why)).lower()
            raise self.wrong(f"{what} has to be JSON: {reason}", start, self.at) from None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return Expanded(text, self.text[start : self.at]) if self.expanded else text


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no value")


def unquoted(text: str) -> str:
    """A text of Ruby's without its quotes."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
