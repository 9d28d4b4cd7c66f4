"""How the way of a record ends, in a line or two."""

from collections.abc import Iterator
from difflib import get_close_matches

from pyrolens.check.tags import overlap, within
from pyrolens.explain.manner import Manner
from pyrolens.explain.text import Line, line
from pyrolens.explain.trips import Fate, fate
from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.subject import Subject

ENDS: dict[Fate, tuple[str, str]] = {
    "sent": ("arrives at ", "bold green"),
    "dropped": ("dropped on purpose by ", "bold yellow"),
    "held": ("held for what comes next, by ", "bold blue"),
    "apart": ("ends here, as the config means it: no output wants it", "dim"),
    "nowhere": ("reaches no output", "bold red"),
}


def end_lines(journey: Journey, manner: Manner) -> Iterator[Line]:
    how = fate(journey)
    text, style = ENDS[how]
    who = {
        "sent": [arrival.output for arrival in journey.arrivals],
        "dropped": [drop.by for drop in journey.dropped],
        "held": [hold.by for hold in journey.held],
    }.get(how, [])
    yield line("  ", ("⇒ ", style), (text + ", ".join(dict.fromkeys(who)), style), (_besides(how, journey), "yellow"))
    tags = list(dict.fromkeys(lost.tag for lost in journey.unrouted if not lost.intended))
    for tag in tags:
        needed = needed_for(tag, manner.subject)
        if how == "nowhere":
            near = near_tag(tag, manner)
            hint = f"; or did you mean the tag {near}?" if near else ""
            yield line(("      needed: ", "dim"), needed, (hint, "yellow"))
        else:
            yield line("      ", (f"what is left as {manner.brief(tag)} reaches no output; needed: {needed}", "yellow"))


def _besides(how: Fate, journey: Journey) -> str:
    by = list(dict.fromkeys(drop.by for drop in journey.dropped))
    return f"; {', '.join(by)} dropped a part" if by and how != "dropped" else ""


def needed_for(tag: str, subject: Subject) -> str:
    """What would take it."""
    match = match_of(tag, subject)
    return f"<match {match}>" if subject.config.flows is not None else f"an output with Match {match}"


def match_of(tag: str, subject: Subject) -> str:
    """The Match that takes a tag, whatever the id of the task."""
    known = subject.task.id if subject.task else ""
    return tag.replace(known, "*") if known else tag


def near_tag(tag: str, manner: Manner) -> str:
    """What somebody may have meant whose tag is none that there is; "" if nothing is near."""
    if any(within(tag, known) for known in manner.tags):
        return ""
    known = [match_of(each, manner.subject) for each in manner.tags]
    return next(iter(get_close_matches(tag, known, n=1, cutoff=0.75)), "")


def near_match(match: str, tag: str, manner: Manner) -> str:
    """What somebody may have meant whose Match takes no tag that there is, and nearly this one; "" if nothing is
    near."""
    # a tag that a rule makes of fields may hold any text, but none that looks like a container's
    of_container = "-firelens" in match
    if any(overlap(match, known) for known in manner.tags if known != tag and of_container <= ("-firelens" in known)):
        return ""
    wanted = match_of(tag, manner.subject)
    begins = ["*-firelens-*"] if "-firelens-" in wanted else []
    begins += [f"{wanted[: n + 1]}*" for n, char in enumerate(wanted[:-1]) if char in ".-"]
    options = {option.lower(): option for option in [*begins, wanted]}
    close = get_close_matches(match.lower(), options, n=1, cutoff=0.8)
    return options[close[0]] if close else ""
