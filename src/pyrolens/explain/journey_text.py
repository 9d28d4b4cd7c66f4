"""The way of a record for people: leg by leg, station by station."""

import re
from collections.abc import Iterator

from pyrolens.explain.end_text import end_lines
from pyrolens.explain.manner import Manner
from pyrolens.explain.station_text import skipped_lines, station_lines
from pyrolens.explain.text import Line, line, shortened
from pyrolens.explain.trips import Trip
from pyrolens.explain.words import iso
from pyrolens.records.event import Event
from pyrolens.rehearsal.journey import Journey, Leg, Station

JOIN = "PYROLENS_JOIN_PARTIAL_MESSAGES"
"""A variable of the router's container."""
PLACE = re.compile(r" place=\S+")
"""In the text of a note, which stands beside a station with its place."""


def trip_lines(trip: Trip, manner: Manner) -> Iterator[Line]:
    yield _title(trip, manner)
    if trip.fed and len(trip.fed.events) > 1 and "partial_message" in trip.fed.events[0][1]:
        joined = any(station.kind == "input" for leg in trip.journey.legs for station in leg.stations)
        hint = "" if joined else f"; {JOIN}=on lets the router join them"
        yield line((f"  in {len(trip.fed.events)} pieces, for Docker cuts lines at 16 KiB{hint}", "yellow"))
    depths: list[int] = []
    for n, leg in enumerate(trip.journey.legs):
        above = next((m for m in range(n - 1, -1, -1) if parent_of(leg, trip.journey.legs[m])), None)
        depths.append(0 if above is None else depths[above] + 1)
        for each in _leg(leg, trip.journey, manner):
            yield line("  " + "    " * depths[n], *each)
    yield from _notes(trip.journey, manner)
    yield from end_lines(trip.journey, manner)


def _title(trip: Trip, manner: Manner) -> Line:
    if not trip.number:
        return line(("At the end, filters let go what they hold", "bold"))
    text = shortened(manner.hide(trip.said), max(manner.width - len(trip.source) - 4, 20))
    return line((trip.source, "bold cyan"), "  " if trip.source else "", (text, "bold"))


def _leg(leg: Leg, journey: Journey, manner: Manner) -> Iterator[Line]:
    tag, known = (manner.brief(leg.tag), "bold"), known_before(leg, journey)
    if leg.origin:
        new = ", as it has made it" if any(event not in known for event in leg.events) else ""
        yield line(("↳ ", "bold cyan"), tag, (f"  from {leg.origin}{new}", "dim"))
    else:
        yield line(("tag ", "dim"), tag, ("  by a route of its input" if leg.came_as else "", "dim"))
    for event in leg.events:
        if event not in known:
            if event[0] != manner.items.rehearsal.now_ns:
                yield line("    ", (f"at {iso(event[0])}", "dim"))
            yield from manner.wrapped(manner.json(event[1]), "    ", "dim")
    skipped: list[Station] = []
    for station in leg.stations:
        if (station.kind, station.result) == ("input", "same") and not manner.everything:
            continue  # it would have joined parts, and there were none
        if station.result == "skipped":
            skipped.append(station)
            continue
        yield from skipped_lines(skipped, manner)
        skipped = []
        made = [one.tag for one in journey.legs if (one.origin, one.came_as) == (station.label, station.tag)]
        yield from station_lines(station, made, manner)
    filters = [station for station in skipped if station.kind != "output"]
    outputs = [station for station in skipped if station.kind == "output"]
    yield from skipped_lines(filters, manner)
    if manner.everything or not any(s.result == "sent" for s in leg.stations):
        # once a record has arrived, those that do not take it either way are of no interest
        for station in outputs:
            yield from skipped_lines([station], manner)


def _notes(journey: Journey, manner: Manner) -> Iterator[Line]:
    told = {station.why for leg in journey.legs for station in leg.stations}
    for note in dict.fromkeys(journey.notes):
        # what the router says of tags the end says better
        if note.level in ("error", "warn") and note.who != "router" and note.text not in told:
            style = "red" if note.level == "error" else "yellow"
            text = manner.hide(PLACE.sub("", note.text))
            yield line("  ", (f"{note.level}: ", f"bold {style}"), (f"{note.who}: {text}", style))


def parent_of(leg: Leg, other: Leg) -> bool:
    """Whether a station of the other leg has emitted this one."""
    return bool(leg.origin) and any(s.label == leg.origin and s.tag == leg.came_as for s in other.stations)


def known_before(leg: Leg, journey: Journey) -> list[Event]:
    """Events that were shown where they came from."""
    if leg.origin:
        ours = [one for one in journey.legs if parent_of(leg, one)]
        return [event for one in ours for s in one.stations if s.label == leg.origin for event in s.before]
    if not leg.came_as:
        return []
    before = journey.legs[: journey.legs.index(leg)]
    return [event for one in before for s in one.stations for event in s.after]
