"""A section of a config becomes an instance of what declares its options; all that is wrong is told with its place."""

import dataclasses
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pyrolens.language.document import Entry, Section, shown
from pyrolens.options.declared import Spec, may_be_empty, spec_of
from pyrolens.options.kinds import Line, Pair, split_tokens
from pyrolens.problems import Place, Problems, nearest

Resolve = Callable[[Entry, Problems], str]
"""Puts the variables into a value."""
SECRET_NAME = re.compile(r"pass|secret|token|key|license|credential|auth", re.IGNORECASE)
"""Of an option that is not known, but may be a secret that was misspelt."""


class OptionError(ValueError):
    """What an option says cannot work. For plugins: raised by compile or open, or yielded by check, it points at the
    option, or at `place` where that is known better: at one of many lines of that option. `hint`: how to mend it."""

    def __init__(self, option: str, message: str, place: Place | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.option = option
        self.place = place
        self.hint = hint


def masked(place: Place, entry: Entry) -> Place:
    """The same place, with a line that does not show the value."""
    start = entry.value_place.column - 1
    shown = place.text[:start] + "***" if entry.value_place.line == place.line and place.text else ""
    length = 3 if place == entry.value_place else place.length
    return dataclasses.replace(place, text=shown, length=length)


def read_options(
    cls: type[Any],
    who: str,
    section: Section,
    resolve: Resolve,
    problems: Problems,
    *,
    skip: Iterable[str] = (),
    ignored: Mapping[str, str] = types.MappingProxyType({}),
    refused: Mapping[str, str] = types.MappingProxyType({}),
    empty_is_unset: bool = False,
    unknown_is_ignored: bool = False,
    last_wins: bool = False,
    elsewhere: Iterable[str] = (),
) -> Any | None:
    """An instance of cls with what the section says, or None (then the reasons are in problems).

    `skip`: keys read by others. `ignored`: options of Fluent Bit that we accept and don't honour, with the reason,
    which becomes a warning at the place. `refused`: those that we do not accept, with the reason. `empty_is_unset`: a
    value that variables made empty counts as not given (so it is for inputs and outputs). `unknown_is_ignored`: an
    unknown option is a warning (so it is for parsers). `last_wins`: of any option given twice the last one counts (so
    it is in [SERVICE]). `elsewhere`: names that may be meant, too, and are read by others.
    """
    specs = spec_of(cls)
    by_name = {n: s for s in specs for n in s.names}
    ok = True
    taken: dict[str, Any] = {}
    skipped = {s.lower() for s in skip}
    tried: set[str] = set()

    def fail(code: str, message: str, place: Place | None, hint: str = "") -> None:
        nonlocal ok
        ok = False
        problems.error(code, message, place, hint)

    for entry in section.entries:
        key = entry.key.lower()
        if key in skipped:
            continue
        if key in ignored:
            problems.warning("option-ignored", f"{who}: {entry.key} has no effect: {ignored[key]}", entry.place)
            continue
        if key in refused:
            fail("refused-option", f"{who} does not take {entry.key}: {refused[key]}", entry.place)
            continue
        spec = by_name.get(key) or _begun(by_name, key)
        if spec is None:
            hint = nearest(key, [*by_name, *elsewhere])
            near = re.search(r"'(.+)'", hint)
            close = by_name.get(near[1]) if near else None
            if close:
                tried.add(close.name)
            place, name = entry.place, entry.key
            begun = by_name.get(re.split("[=:]", key)[0])
            meant = begun or close
            if SECRET_NAME.search(key) or (meant and meant.kind.secret):
                place = masked(entry.place, entry)
                if name != (name := re.split("[=:]", name)[0]):  # the value is glued to it
                    place = dataclasses.replace(place, text="")
            if unknown_is_ignored:
                problems.warning("unknown-option", f"{who} has no option '{name}': it is ignored", place, hint)
            else:
                fail("unknown-option", f"{who} has no option '{name}'", place, hint)
            continue
        tried.add(spec.name)
        secret = spec.kind.secret
        place, value_place = entry.place, entry.value_place
        if secret:
            place, value_place = masked(place, entry), masked(value_place, entry)
        before = len(problems.errors)
        text = resolve(entry, problems)
        if len(problems.errors) > before:
            ok = False
            continue
        if empty_is_unset and not text:
            if not may_be_empty(key):
                fail("bad-value", f"{who}: {entry.key} is empty", value_place, "remove it, or set the variable")
            else:
                taken.pop(spec.name, None)
                tried.discard(spec.name)
                problems.warning("empty-value", f"{who}: {entry.key} is empty, as if it were not given", value_place)
            continue
        said = "***" if secret else shown(entry.value, text)
        try:
            value = read_text(spec, key, text, entry)
        except ValueError as why:
            fail("bad-value", f"{who}: {entry.key} is '{said}': {why}", value_place)
            continue
        if spec.pairs == 2 and len(split_tokens(text, 2)) > 2:
            message = f"{who}: {entry.key} has more than two words, so this line is left out"
            problems.warning("left-out", message, value_place, "put double quotes around what holds blanks")
            continue
        if not (spec.repeats or spec.spellings) and (doubt := spec.kind.doubt(text)):
            problems.warning("odd-value", f"{who}: {entry.key} is '{said}': {doubt}", value_place)
        if spec.repeats:
            taken.setdefault(spec.name, []).append(value)
        elif spec.name in taken and not (spec.last_wins or last_wins):
            fail("given-twice", f"{who}: {entry.key} is given twice", place, "keep one of them")
        else:
            if spec.name in taken:
                message = f"{who}: {entry.key} is given twice; the last one counts"
                problems.warning("given-twice", message, place, "keep one of them")
            taken[spec.name] = value

    for spec in specs:
        if spec.required and spec.name not in taken and spec.name not in tried:
            fail("missing-option", f"{who} needs {spec.name}", section.place, spec.doc)
    if not ok:
        return None
    groups: dict[str, dict[str, Any]] = {}
    direct: dict[str, Any] = {}
    for spec in specs:
        if spec.name in taken:
            (groups.setdefault(spec.group, {}) if spec.group else direct)[spec.field] = taken[spec.name]
    for f in dataclasses.fields(cls):
        if f.name in groups:
            direct[f.name] = f.metadata["group"](**groups[f.name])
    return cls(**direct)


def _begun(by_name: Mapping[str, Spec], key: str) -> Spec | None:
    """The option of which the key begins with a spelling such as parser_*, or None."""
    return next((s for name, s in by_name.items() if name.endswith("*") and key.startswith(name[:-1])), None)


def read_text(spec: Spec, key: str, text: str, entry: Entry) -> Any:
    """Raises: ValueError("expected ...")."""
    if spec.spellings is not None:
        return Line(key, text, entry.value_place)
    if spec.pairs:
        words = split_tokens(text, spec.pairs)
        if len(words) < spec.pairs or not words:
            raise ValueError("expected KEY VALUE, with double quotes around what holds blanks")
        return Pair(words[0], words[1] if len(words) > 1 else words[0], entry.value_place)
    value = read_value(spec, text)
    if isinstance(value, tuple) and "place" in getattr(value, "_fields", ()):
        return value._replace(place=entry.value_place)  # type: ignore[attr-defined]
    return value


def read_value(spec: Spec, text: str) -> Any:
    """Of an option that is no KEY VALUE. Raises: ValueError("expected ...")."""
    value = spec.kind.read(text)
    if spec.low is not None and value < spec.low:
        raise ValueError(f"expected at least {spec.low:g}")
    if spec.high is not None and value > spec.high:
        raise ValueError(f"expected at most {spec.high:g}")
    return value
