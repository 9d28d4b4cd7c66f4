"""The way of records in a few lines."""

from collections.abc import Sequence

from pyrolens.rehearsal.journey import Leg, Station
from pyrolens.testing.result import Feed

MOST_LEGS = 6
LONGEST_TAG = 50
DONE = {
    "changed": "changed it",
    "dropped": "dropped it",
    "held": "holds it",
    "moved": "moved it on",
    "failed": "failed",
    "same": "left it",
}


def way(feed: Feed, missing: Sequence[str] = ()) -> list[str]:
    """A line for each tag, with what did something to the records; `missing`: outputs of which it is told why they do
    not get them."""
    legs = feed.journey.legs
    if not legs:
        return []
    width = max(len(short(leg.tag)) for leg in legs[:MOST_LEGS])
    out = []
    for leg in legs[:MOST_LEGS]:
        met = [_said(s) for s in leg.stations if s.result not in ("skipped", "same") or s.kind == "output"]
        out.append(f"{short(leg.tag):{width}}  {' · '.join(filter(None, met)) or 'goes nowhere'}")
        out += [f"{'':{width}}  {s.label}: {s.why}" for s in leg.stations if _left_out(s, leg, missing)]
    if len(legs) > MOST_LEGS:
        out.append(f"… and {len(legs) - MOST_LEGS} more")
    return out


def short(tag: str) -> str:
    return tag if len(tag) <= LONGEST_TAG else f"{tag[: LONGEST_TAG - 1]}…"


def _said(station: Station) -> str:
    if station.kind == "output":
        return f"→ {station.label}" if station.result == "sent" else ""
    why = f" ({station.why})" if station.why and station.result in ("dropped", "failed") else ""
    return f"{station.label} {DONE.get(station.result, station.result)}{why}"


def _left_out(station: Station, leg: Leg, missing: Sequence[str]) -> bool:
    return station.label in missing and station.result == "skipped" and bool(station.why)
