"""Fluent Bit's classic format: sections in brackets, indented `Key value` lines, @SET and @INCLUDE.

Source: Fluent Bit 5.1.1, src/config_format/flb_cf_fluentbit.c, and flb_config_format.c for keys and values.
Differs: Fluent Bit stops at the first mistake; here all of them are told. @INCLUDE takes YAML files, too, and
addresses such as s3://bucket/key.
"""

import re
from collections.abc import Iterator

from pyrolens.language.document import BY_NAME, Definition, Document, Entry, Section, kind_of
from pyrolens.language.includes import Files, UnreadableError, looks_classic, shown, speaks_yaml
from pyrolens.problems import Place, Problems, nearest, without_secret

BLANKS = " \t"
SHOWN = 200
"""Characters of a line that are shown with a problem."""
NO_MARK = "remove the byte order mark at the start of the file"
SPACE = " \t\n\v\f\r"
COMMENT = re.compile(r"[ \t]#(?:[ \t]|$)")


def parse(text: str, file: str, files: Files, document: Document, problems: Problems) -> None:
    """Add what the text says to the document; what is wrong in it goes to problems."""
    _Reader(file, files, document, problems).read(text)


class _Reader:
    """One file."""

    def __init__(self, file: str, files: Files, document: Document, problems: Problems) -> None:
        self.file, self.files, self.document, self.problems = file, files, document, problems
        self.indent: str | None = None
        self.section: Section | None = None
        self.group: Section | None = None
        self.lost = False
        """The section could not be read, so its keys belong to nothing; that was told once."""
        self.number = 0
        self.line = ""

    def read(self, text: str) -> None:
        for self.number, self.line in enumerate(lines_of(text), 1):
            if self.number == 1 and self.line.startswith("\ufeff["):
                self.wrong("a byte order mark is in front of the first section", self.place(0, 1), NO_MARK)
                self.line = self.line[1:]
            if self.line and self.line[0] != "#":
                self._statement()

    def place(self, start: int = 0, end: int | None = None) -> Place:
        stop = len(self.line) if end is None else end
        return Place(self.file, self.number, start + 1, max(min(stop, SHOWN) - start, 1), self.line[:SHOWN])

    def wrong(self, message: str, place: Place, hint: str = "") -> None:
        self.problems.error("syntax", message, place, hint)

    def _statement(self) -> None:
        line = self.line
        if len(line) > 9 and line[:9].lower() == "@include ":
            self._include(line[9:])
        elif line[0] == "@" and len(line) > 3:
            self._meta()
        elif line[0] == "[":
            self._header()
        else:
            self._entry()

    def _include(self, path: str) -> None:
        place = self.place(9)
        paths: Iterator[str] = iter([path])
        if "*" in path:
            paths = self.files.matching(path)
        found = False
        for name in paths:
            found = True
            where = name if "*" in path else self.files.find(path)
            try:
                text = self.files.read(where)
            except UnreadableError as why:
                self.problems.error("include", str(why), place, why.hint or self._path_hint(path))
            else:
                self._included(text, shown(where))
        if not found:
            self.problems.error("include", f"no file matches {path}", place, f"relative to {self.files.folder or '.'}")

    def _included(self, text: str, where: str) -> None:
        if speaks_yaml(where, text) and not looks_classic(text):
            from pyrolens.language import yaml  # only who has YAML pays for it

            yaml.parse(text, where, self.files, self.document, self.problems)
        else:
            parse(text, where, self.files, self.document, self.problems)

    def _path_hint(self, path: str) -> str:
        if path != path.strip(BLANKS):
            return "blanks around the path belong to it"
        if "#" in path or '"' in path:
            return "comments and quotes belong to the path"
        if "${" in path:
            return "variables are not put into the path of an include"
        if "?" in path or "[" in path:
            return "only a path with a * is a pattern"
        return ""

    def _meta(self) -> None:
        """@SET name=value. Other commands do nothing."""
        command, blank, rest = self.line[1:].partition(" ")
        value = rest.strip(SPACE)
        start = len(command) + 2 + len(rest) - len(rest.lstrip(SPACE))
        if not blank or (rest and not value) or (command.lower() == "include"):
            self.wrong(f"@{command} needs a value", self.place(), "@SET name=value or @INCLUDE path")
            return
        if command.strip(SPACE).lower() != "set":
            hint = nearest(command, ["SET", "INCLUDE"])
            self.problems.warning("unknown-command", f"@{command} is no command: it does nothing", self.place(), hint)
            return
        name, equals, content = value.partition("=")
        place = self.place(start, start + len(value))
        if not equals:
            self.problems.warning("unknown-command", f"@SET {value} sets nothing", place, "@SET name=value")
            return
        if name != name.strip() or content != content.lstrip():
            message = f"blanks around = belong to the name and the value: this sets '{name}' to '{content}'"
            self.problems.warning("blanks-kept", message, place, "write @SET name=value")
        self.document.definitions.append(Definition(name, content, place))

    def _header(self) -> None:
        end = self.line.find("]")
        if end < 0:
            self.section, self.lost = None, True
            self.wrong("a section without its closing bracket", self.place(), f"{self.line.strip()}]")
            return
        name = self.line[1:end]
        kind = kind_of(name)
        self.lost, self.group = False, None
        after = self.line[end + 1 :].strip(SPACE)
        if after and not after.startswith("#"):
            message = "what follows on the line of a section is ignored"
            hint = "lines end with a newline, not with a carriage return alone" if "\r" in self.line else ""
            self.problems.warning("ignored-text", message, self.place(end + 1), hint)
        self.section = Section(kind, self.place(0, end + 1), name=name)
        self.document.sections.append(self.section)
        if not kind:
            hint = nearest(name.strip(), [k.upper() for k in BY_NAME])
            self.problems.warning("unknown-section", f"[{name}] is no section: it is ignored", self.section.place, hint)

    def _entry(self) -> None:
        line = self.line
        if self.indent is None:
            # the first such line of a file says what the indentation is, even if it is a comment or blank
            length = 1
            while length < len(line) and line[length] in BLANKS:
                length += 1
            self.indent = line[:length]
            if length == len(line):
                return
        start = self._indentation(self.indent)
        if start is None or start == len(line) or line[start] == "#":
            return
        blank = line.find(" ", start)
        if blank < 0:
            self.wrong(
                f"{without_secret(line[start:].strip())} has no value",
                self.place(start),
                self._value_hint(line[start:]),
            )
            return
        if start == len(self.indent):
            self.group = None
        if line[start] == "[":
            self._group(start)
            return
        key = line[start:blank].strip(SPACE)
        rest = line[blank + 1 :]
        value = rest.strip(SPACE)
        if not value or not key:
            self.wrong(f"{key or 'a key'} has no value", self.place(start), "remove the key, or give it a value")
            return
        if self.section is None:
            if not self.lost:
                self.wrong(
                    f"{key} stands before any section", self.place(start), "begin with a section such as [INPUT]"
                )
            self.lost = True
            return
        at = blank + 1 + len(rest) - len(rest.lstrip(SPACE))
        entry = Entry(key, value, self.place(start, blank), self.place(at, at + len(value)))
        (self.group or self.section).entries.append(entry)
        self._doubt(value, at)

    def _group(self, start: int) -> None:
        """`[name]` inside a section; the keys below it have twice the indentation. Nearly nothing reads groups."""
        end = self.line.find("]", start)
        if end < 0 or self.section is None:
            self.wrong("a group without its closing bracket, or outside of a section", self.place(start))
            return
        name = self.line[start + 1 : end]
        place = self.place(start, end + 1)
        self.group = Section(name.lower(), place, name=name)
        self.section.groups.append(self.group)
        if self.section.kind != "multiline_parser":
            message = f"the group [{name}] is ignored, with its keys"
            self.problems.warning("unknown-section", message, place, "processors are written in YAML")

    def _indentation(self, indent: str) -> int | None:
        """Where the key starts: after the indentation of the file, or exactly twice as much."""
        line = self.line
        level = 0
        while level < len(indent) and level < len(line) and line[level] == indent[level]:
            level += 1
        hint = f"the first indented line of the file is indented by {described(indent)}; the others must be, too"
        if level < len(indent):
            mixed = level < len(line) and line[level] in BLANKS
            what = "blanks and tabs are mixed in the indentation" if mixed else "too little indentation"
            if not any(c in BLANKS for c in indent):
                hint = "keys must be indented"
            self.wrong(what, self.place(0, max(level, 1)), hint)
            return None
        extra = level
        while extra < len(line) and line[extra] in BLANKS:
            extra += 1
        if extra == level or extra == 2 * level:
            return extra
        self.wrong("too much indentation", self.place(0, extra), hint)
        return None

    def _value_hint(self, text: str) -> str:
        if text.startswith("\ufeff"):
            return NO_MARK
        if text.startswith("["):
            return "a section must not be indented"
        if "\t" in text.strip():
            return "only a blank separates key and value, not a tab"
        if "=" in text:
            return "a blank separates key and value, not ="
        if text.endswith(":"):
            return "YAML is read from files named .yaml or .yml"
        return "write Key Value"

    def _doubt(self, value: str, at: int) -> None:
        """Warn about what Fluent Bit takes as a part of the value though it was hardly meant so."""
        if found := COMMENT.search(value):
            place = self.place(at + found.start() + 1)
            message = "text after # belongs to the value: a comment needs a line of its own"
            self.problems.warning("comment-in-value", message, place)
        if value.startswith("= "):
            self.problems.warning("equals-in-value", "the = belongs to the value", self.place(at, at + 1), "remove it")


def lines_of(text: str) -> list[str]:
    """Lines end with a newline, or a carriage return and a newline."""
    lines = text.split("\n")
    last = lines.pop()
    lines = [line.removesuffix("\r") for line in lines]
    return [*lines, last] if last else lines


def described(indent: str) -> str:
    blanks, tabs = indent.count(" "), indent.count("\t")
    words = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((blanks, "blank"), (tabs, "tab")) if n]
    return " and ".join(words) or "nothing"
