"""The parts of a config file which a router reads from different places.

In Fluent Bit's classic format parsers are read from files of their own, and stream tasks, too. AWS's init process looks
for the text [PARSER] and takes the whole file for one or the other, so that the rest of a mixed file is lost. Here a
file is divided by section: what is included has the parsers' lines blank, so that line numbers stay right.
"""

from collections import Counter
from dataclasses import dataclass, field

from pyrolens.language.classic import lines_of
from pyrolens.language.document import kind_of
from pyrolens.language.includes import is_yaml, looks_classic

PARSERS = ("parser", "multiline_parser")
INCLUDE = "@include "


@dataclass(slots=True)
class Divided:
    """A file by its parts."""

    text: str
    """What is to be included; as it was, if `changed` is not set."""
    changed: bool = False
    parsers: str = ""
    """What is to be read as a file of parsers."""
    included: bool = False
    """There is something else than parsers."""
    kinds: Counter[str] = field(default_factory=Counter)
    includes: list[tuple[int, str]] = field(default_factory=list)
    """(number of the line from 0, path) of each @INCLUDE."""

    @property
    def told(self) -> str:
        """What is in it, for people."""
        names = [f"{n} {kind.replace('_', ' ')}{'s' if n != 1 else ''}" for kind, n in self.kinds.items()]
        return ", ".join(names) or "nothing that a router reads"


def divide(text: str, name: str) -> Divided:
    """`name`: of the file; says with the text which language it is in."""
    if is_yaml(name) and not looks_classic(text):
        return Divided(text, included=True, kinds=_kinds_of_yaml(text, name))
    out = Divided(text)
    lines = lines_of(text)
    kept: list[str] = []
    apart: list[str] = []
    kind = ""
    for number, line in enumerate(lines):
        if line[:9].lower() == INCLUDE:
            out.includes.append((number, line[9:]))
            out.kinds["include"] += 1
            out.included = True
        elif line.startswith("@"):
            out.included = True
        elif line.startswith("["):
            word = line[1:].partition("]")[0]
            kind = kind_of(word)
            out.kinds[kind or f"unknown section [{word}]"] += 1
            out.included |= kind not in PARSERS
            if word.lower() in ("stream_task", "stream_tasks"):
                # the main file knows the same section by this name only
                line = "[STREAM_PROCESSOR]" + line.partition("]")[2]
        of_parser = kind in PARSERS and line[:1] != "@"
        kept.append("" if of_parser else line)
        apart.append(line if of_parser else "")
    out.changed = kept != lines
    if out.changed:
        out.text = "\n".join(kept) + "\n"
    if any(apart):
        out.parsers = "\n".join(apart) + "\n" if out.included else text
    return out


def _kinds_of_yaml(text: str, name: str) -> Counter[str]:
    from pyrolens.language import yaml
    from pyrolens.language.document import Document
    from pyrolens.language.includes import Files
    from pyrolens.problems import Problems

    document = Document()
    # its includes cannot be read from here; the router will tell of what is wrong in it
    yaml.parse(text, name, Files("", elsewhere=lambda path: ""), document, Problems())
    return Counter(s.kind for s in document.sections)
