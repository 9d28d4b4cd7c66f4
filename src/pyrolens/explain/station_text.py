"""What a filter or an output does with a record, for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from pyrolens.explain.destinations import destination
from pyrolens.explain.differences import Change, differences
from pyrolens.explain.end_text import near_match
from pyrolens.explain.items import Item
from pyrolens.explain.manner import Manner
from pyrolens.explain.text import Line, between, line, shortened, value_text
from pyrolens.explain.words import iso
from pyrolens.records.accessor import MISSING
from pyrolens.records.event import Event
from pyrolens.rehearsal.journey import Station
from pyrolens.rehearsal.rules import Decision

SIGNS = {
    "changed": ("±", "bold green"),
    "same": ("=", "dim"),
    "skipped": ("·", "dim"),
    "dropped": ("✗", "bold yellow"),
    "held": ("…", "bold blue"),
    "moved": ("↪", "bold cyan"),
    "failed": ("!", "bold red"),
    "sent": ("→", "bold green"),
}
DOES = {
    "same": "leaves it as it is",
    "dropped": "drops it",
    "held": "holds it until more comes",
    "failed": "fails, so it goes on unchanged",
}
SENDS = {"held": "holds it, and then sends it on", "moved": "sends it on"}
HOW = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "moved": (">", "cyan")}
MISSES = "does not take the tag"
EMISSION = "entered again as "
LEAST_IN_A_ROW = 4
"""So many that do not see a record are told in one line."""


def skipped_lines(stations: Sequence[Station], manner: Manner) -> Iterator[Line]:
    """Of those that do not see it. One whose Match may be misspelt is always told by itself."""
    near = [_meant(station, manner) for station in stations]
    many = [station for station, hint in zip(stations, near, strict=True) if not hint]
    folded = len(many) >= LEAST_IN_A_ROW and not manner.everything
    for station, hint in zip(stations, near, strict=True):
        if hint or not folded:
            yield line(("· ", "dim"), (f"{station.label}  {manner.brief(station.why)}", "dim"), (hint, "yellow"))
    if folded:
        names = ", ".join(dict.fromkeys(station.label for station in many))
        yield line(("· ", "dim"), (f"{len(many)} do not see it: {names}", "dim"))


def _meant(station: Station, manner: Manner) -> str:
    built = manner.built.get(station.label)
    match = getattr(built.plugin, "match", None) if built else None
    near = near_match(match, station.tag, manner) if match and MISSES in station.why else ""
    return f"  did you mean '{near}'?" if near else ""


def station_lines(station: Station, made: Sequence[str], manner: Manner) -> Iterator[Line]:
    """Of one that sees it. `made`: the tags under which it has sent it on."""
    sign, style = SIGNS["moved" if made and station.result == "same" else station.result]
    what = _what(station, made, manner)
    rule = _rule(station, manner) if made or station.result == "dropped" else None
    if rule and rule.rule not in what:
        what = f"{what}: {manner.brief(rule.rule)}"
    where = manner.place(rule.place if rule and rule.place else station.place)
    yield line(
        (f"{sign} ", style),
        (station.label, "bold"),
        f"  {what}" if what else "",
        (f"  {where}" if where else "", "dim"),
    )
    if station.result == "changed" or (station.result == "sent" and station.before != station.after):
        yield from _changes(station.before, station.after, manner)
    if station.result == "changed":
        yield from _remark(station, manner)
    elif station.result == "sent":
        for item in manner.items.of(station.label, station.tag, station.after):
            yield from _item(item, manner)


def _what(station: Station, made: Sequence[str], manner: Manner) -> str:
    why = manner.brief(station.why)
    if station.result == "sent":
        built = manner.built.get(station.label)
        return manner.hide(destination(built.plugin)) if built else ""
    told = DOES.get(station.result, "")
    if made:
        listed = ", ".join(manner.brief(tag) for tag in dict.fromkeys(made))
        also = {"held": "holds it, and then sends it on", "moved": "sends it on"}.get(
            station.result, "sends it on also"
        )
        told, why = f"{also} as {listed}", "" if why.startswith(EMISSION) else why
    if station.result == "failed":
        return why or told
    return ": ".join(part for part in (told, why) if part)


def _rule(station: Station, manner: Manner) -> Decision | None:
    """The rule that has decided, where it is one, and about one record."""
    if len(station.before) != 1:
        return None
    rules = manner.items.rehearsal.decisions(station.label, station.tag, station.before[0])
    return rules[0] if len(rules) == 1 else None


# -- what it changes --------------------------------------------------------------------------------------------------


def _changes(before: Sequence[Event], after: Sequence[Event], manner: Manner) -> Iterator[Line]:
    if len(before) == len(after):
        told: list[list[Line]] = []
        for old, new in zip(before, after, strict=True):
            lines = list(_difference(old, new, manner))
            if lines not in told:  # what is so of each, such as the pieces of a long line, is told once
                told.append(lines)
                yield from lines
        return
    for event in after:
        if event not in before:
            yield from manner.wrapped(manner.json(event[1]), "    + ", "green")


def _difference(old: Event, new: Event, manner: Manner) -> Iterator[Line]:
    if old[0] != new[0]:
        yield line("    ", ("~ ", "yellow"), f"its time  {iso(old[0])} → {iso(new[0])}")
    found = differences(old[1], new[1])
    names = [f"{change.field} → {change.to}" if change.to else change.field for change in found]
    width = min(max(map(len, names), default=0), 40)
    for name, change in zip(names, found, strict=True):
        sign, style = HOW[change.how]
        yield line("    ", (f"{sign} ", style), f"{manner.hide(name):{width}}  ", *_values(change, manner))
    if not found and old[0] == new[0] and list(old[1]) != list(new[1]):
        yield line("    ", ("~ ", "yellow"), "the order of its fields")


def _values(change: Change, manner: Manner) -> Line:
    room = max(manner.width - 50, 30)
    old, new = ("" if value is MISSING else manner.hide(value_text(value)) for value in (change.before, change.after))
    if change.how == "changed":
        old, new = between(old, new, room // 2)
        return line((old, "red"), (" → ", "dim"), (new, "green"))
    style = "" if change.how == "moved" else HOW[change.how][1]
    return line((shortened(manner.brief(new or old), room), style))


def _remark(station: Station, manner: Manner) -> Iterator[Line]:
    """What often comes as a surprise."""
    plugin: Any = manner.built[station.label].plugin if station.label in manner.built else None
    if plugin is None or plugin.name != "parser" or getattr(plugin, "reserve_data", True):
        return
    pairs = zip(station.before, station.after, strict=False)
    gone = [c.field for old, new in pairs for c in differences(old[1], new[1]) if c.how == "removed"]
    others = [field for field in dict.fromkeys(gone) if field != plugin.key_name.removeprefix("$")]
    if others:
        what = f"without Reserve_Data On only what it has parsed goes on: {', '.join(others)} gone"
        yield line("    ", (manner.hide(what), "yellow"))


# -- what is sent -----------------------------------------------------------------------------------------------------


def _item(item: Item, manner: Manner) -> Iterator[Line]:
    if item.shown:
        yield from manner.wrapped(manner.hide(item.text.removesuffix("\n")), "    ")
    else:
        yield line("    ", (manner.hide(item.text), "dim"))
