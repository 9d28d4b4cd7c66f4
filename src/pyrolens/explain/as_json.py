"""The same for programs. The form of it is schema.json; a change of it that is no addition makes another version."""

from collections.abc import Iterable
from typing import Any

from pyrolens.explain.conditions import Condition
from pyrolens.explain.differences import differences
from pyrolens.explain.items import Item, Items
from pyrolens.explain.matrix import Matrix, Way
from pyrolens.explain.summary import Summary
from pyrolens.explain.trips import Trip
from pyrolens.explain.twice import twice
from pyrolens.explain.words import iso
from pyrolens.problems import Place
from pyrolens.records.accessor import MISSING
from pyrolens.records.event import Event, metadata_of
from pyrolens.rehearsal.journey import Leg, Station
from pyrolens.rehearsal.subject import Subject

VERSION = 1


class AsJson:
    """`hide` works on the text of the whole; see the tool."""

    def __init__(self, subject: Subject, items: Items | None = None) -> None:
        self.subject, self.items = subject, items

    # -- records ------------------------------------------------------------------------------------------------------

    def journeys(self, summary: Summary, trips: Iterable[Trip]) -> dict[str, Any]:
        ways = [
            {"ends": list(g.way), "fate": g.fate, "records": g.count, "sample": g.sample.number}
            for g in summary.sorted()
        ]
        told = [self.trip(trip) for trip in trips]
        return {"version": VERSION, "config": self.subject.path, "lines": summary.lines, "ways": ways, "records": told}

    def trip(self, trip: Trip) -> dict[str, Any]:
        journey = trip.journey
        return {
            "number": trip.number,
            "line": trip.said if trip.number else None,
            "source": trip.source or None,
            "fate": trip.fate,
            "legs": [self._leg(leg) for leg in journey.legs],
            "arrivals": [{"output": a.output, "tag": a.tag, **event_json(a.event)} for a in journey.arrivals],
            "dropped": [
                {"by": d.by, "why": d.why, "place": self._place(d.place), "tag": d.tag, **event_json(d.event)}
                for d in journey.dropped
            ],
            "unrouted": [{"tag": u.tag, "intended": u.intended, **event_json(u.event)} for u in journey.unrouted],
            "held": [{"by": h.by, "records": h.records} for h in journey.held],
            "notes": [{"level": n.level, "who": n.who, "text": n.text} for n in dict.fromkeys(journey.notes)],
        }

    def _leg(self, leg: Leg) -> dict[str, Any]:
        return {
            "tag": leg.tag,
            "origin": leg.origin or None,
            "came_as": leg.came_as or None,
            "events": [event_json(event) for event in leg.events],
            "stations": [self._station(station) for station in leg.stations],
        }

    def _station(self, station: Station) -> dict[str, Any]:
        out: dict[str, Any] = {
            "kind": station.kind,
            "label": station.label,
            "plugin": station.plugin,
            "place": self._place(station.place),
            "result": station.result,
            "why": station.why,
        }
        if station.before != station.after:
            if len(station.before) == len(station.after):
                out["changes"] = changes_json(station.before, station.after)
            out["after"] = [event_json(event) for event in station.after]
        if station.result == "sent" and self.items is not None:
            out["sent"] = [item_json(i) for i in self.items.of(station.label, station.tag, station.after)]
        return out

    # -- the matrix ---------------------------------------------------------------------------------------------------

    def matrix(self, matrix: Matrix) -> dict[str, Any]:
        return {
            "version": VERSION,
            "config": self.subject.path,
            "sources": [
                {
                    "kind": s.kind,
                    "reads": s.reads,
                    "name": s.name,
                    "tag": s.tag,
                    "place": self._placed(s.place),
                    "added_by_ecs": not s.ours,
                }
                for s in matrix.sources
            ],
            "destinations": [
                {
                    "output": d.output,
                    "plugin": d.plugin,
                    "where": d.where,
                    "match": d.match,
                    "place": self._placed(d.place),
                    "takes_records": d.logs,
                }
                for d in matrix.destinations
            ],
            "ways": [self._way(way) for way in matrix.ways],
            "twice": [{"source": t.source, "outputs": list(t.outputs), "where": t.where} for t in twice(matrix)],
        }

    def _way(self, way: Way) -> dict[str, Any]:
        return {
            "source": way.source,
            "end": way.how,
            "who": way.who or None,
            "certainty": way.certainty,
            "when": [[self._condition(c) for c in each] for each in way.when],
            "maybe": [{"by": d.by, "why": d.why, "place": self._placed(d.place)} for d in way.doubts],
            "tags": list(way.tags),
        }

    def _condition(self, condition: Condition) -> dict[str, Any]:
        test = condition.test
        return {
            "text": str(condition),
            "left": test.left or None,
            "operator": test.operator,
            "right": test.right,
            "holds": condition.holds,
            "by": condition.by,
            "place": self._placed(condition.place),
        }

    def _place(self, place: Place | None) -> dict[str, Any] | None:
        return self._placed(self.subject.place(place))

    def _placed(self, place: Place | None) -> dict[str, Any] | None:
        return {"file": place.file, "line": place.line or None} if place and place.file else None


def event_json(event: Event) -> dict[str, Any]:
    metadata = metadata_of(event[0])
    return {"time": iso(event[0]), "record": event[1], **({"metadata": metadata} if metadata else {})}


def changes_json(before: Iterable[Event], after: Iterable[Event]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for n, (old, new) in enumerate(zip(before, after, strict=True)):
        if old[0] != new[0]:
            out.append({"event": n, "how": "time", "before": iso(old[0]), "after": iso(new[0])})
        for change in differences(old[1], new[1]):
            told: dict[str, Any] = {"event": n, "how": change.how, "field": change.field}
            told |= {"to": change.to} if change.to else {}
            told |= {"before": change.before} if change.before is not MISSING else {}
            told |= {"after": change.after} if change.after is not MISSING and not change.to else {}
            out.append(told)
    return out


def item_json(item: Item) -> dict[str, Any]:
    if not item.shown:
        return {"not_shown": item.text}
    return {"hex" if item.binary else "text": item.text, "bytes": item.size}
