"""The comments of a config, and what each stands above."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from pyrolens.language.document import Document, Section
from pyrolens.language.includes import looks_classic, speaks_yaml
from pyrolens.problems import Place

Line = tuple[str, int]
"""(file, line)"""


class Comments:
    """Each is given once, to whoever writes what it stands above."""

    def __init__(self, document: Document, tops: Iterable[str]) -> None:
        """`tops`: the files whose first comments stay at the top of what is written."""
        self._above: dict[Line, list[str]] = {}
        self._first: dict[str, list[str]] = {}
        self._last: dict[str, list[str]] = {}
        anchors: dict[str, list[int]] = {}
        for place in places_of(document):
            anchors.setdefault(place.file, []).append(place.line)
        tops = set(tops)
        for file in document.files:
            lines = sorted(anchors.get(file, []))
            for number, text, beside in comments_of(file):
                # what stands behind something belongs to that
                at = bisect_right(lines, number) - 1 if beside else bisect_left(lines, number)
                if at == 0 and not beside and file in tops:
                    self._first.setdefault(file, []).append(text)
                elif at < len(lines):
                    self._above.setdefault((file, lines[max(at, 0)]), []).append(text)
                else:
                    self._last.setdefault(file, []).append(text)

    def above(self, place: Place) -> list[str]:
        return self._above.pop((place.file, place.line), [])

    def first(self, file: str) -> list[str]:
        """At the top of a file."""
        return self._first.pop(file, [])

    def last(self, file: str) -> list[str]:
        """Behind all that is in it."""
        return self._last.pop(file, [])

    def __len__(self) -> int:
        """Those that nobody has asked for."""
        return sum(len(lines) for kept in (self._above, self._first, self._last) for lines in kept.values())


def places_of(document: Document) -> Iterator[Place]:
    for definition in document.definitions:
        yield definition.place
    for section in document.sections:
        yield from places_within(section)


def places_within(section: Section) -> Iterator[Place]:
    yield section.place
    for entry in section.entries:
        yield from (entry.place, entry.value_place)
    for inner in (*section.processors, *section.metrics_processors, *section.groups):
        yield from places_within(inner)


def comments_of(path: str) -> list[tuple[int, str, bool]]:
    """(line, its text, whether it stands behind something) of each."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError:
        return []
    if speaks_yaml(path, text) and not looks_classic(text):
        return list(in_yaml(text))
    return [(n, line.strip(), False) for n, line in enumerate(text.split("\n"), 1) if line.lstrip().startswith("#")]


def in_yaml(text: str) -> Iterator[tuple[int, str, bool]]:
    import yaml

    from pyrolens.language.yaml_nodes import LOADER

    ends: dict[int, int] = {}
    within: set[int] = set()
    try:
        for token in yaml.scan(text, Loader=LOADER):
            start, end = token.start_mark, token.end_mark
            ends[end.line] = max(ends.get(end.line, 0), end.column)
            if isinstance(token, yaml.ScalarToken):
                within.update(range(start.line + 1, end.line + (end.column > 0)))
    except yaml.YAMLError:
        return
    for number, line in enumerate(text.split("\n")):
        rest = line[ends.get(number, 0) :].strip()
        if number not in within and rest.startswith("#"):
            yield number + 1, rest, bool(line[: ends.get(number, 0)].strip())
