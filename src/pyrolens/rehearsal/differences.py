"""What a filter has done to a batch, told from what came and what goes on."""

from collections.abc import Sequence

from pyrolens.records.event import Event


def changed(before: Sequence[Event], after: Sequence[Event], missing: Sequence[int]) -> int:
    """How many of those that went on, or were added, are not as they came. `missing`: indexes of those that did not go
    on."""
    if len(before) == len(after) == 1:
        return int(after[0] is not before[0] and after[0] != before[0])
    if len(before) - len(missing) != len(after):
        came = {id(event) for event in before}
        return sum(id(event) not in came for event in after)
    gone = set(missing)
    stayed = [event for n, event in enumerate(before) if n not in gone] if gone else before
    return sum(new is not old and new != old for old, new in zip(stayed, after, strict=True))


def missing(before: Sequence[Event], after: Sequence[Event]) -> tuple[int, ...]:
    """Indexes of those that do not go on. Sure where the filter hands on the very events that it was given, or where
    each has its own time; else those that stay are taken to be the first of the same time."""
    if len(after) >= len(before):
        return ()
    if not after:
        return tuple(range(len(before)))
    stay = {id(event) for event in after}
    came = {id(event) for event in before}
    if stay <= came:
        return tuple(n for n, event in enumerate(before) if id(event) not in stay)
    out: list[int] = []
    at = 0
    for n, event in enumerate(before):
        if at < len(after) and (after[at] is event or after[at][0] == event[0]):
            at += 1
        else:
            out.append(n)
    return tuple(out[: len(before) - len(after)])
