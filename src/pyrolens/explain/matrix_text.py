"""The matrix for people: a table, and below it each way with its conditions."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from pyrolens.explain.conditions import Condition
from pyrolens.explain.matrix import Destination, Matrix, Source, Way
from pyrolens.explain.text import Line, Span, line, shortened
from pyrolens.explain.twice import twice
from pyrolens.explain.words import place_text
from pyrolens.problems import Place

SIGNS = {"always": ("●", "bold green"), "on condition": ("◐", "bold yellow"), "maybe": ("?", "bold magenta")}
MEANING = {"always": "always", "on condition": "on a condition", "maybe": "maybe"}
NEVER = ("·", "dim")
MANY = 4
"""Rules of one filter that do not fit."""
WIDEST = 30
"""Characters of a column."""


def matrix_lines(matrix: Matrix, width: int, everything: bool = False) -> Iterator[Line]:
    """`everything`: with the inputs that ECS adds to each task."""
    sources = [s for s in matrix.sources if s.ours or everything] or list(matrix.sources)
    destinations = [d for d in matrix.destinations if d.logs]
    shown = [d for d in destinations if everything or not _idle(matrix, d, sources)]
    yield from _table(matrix, sources, shown, width)
    for source in sources:
        yield line()
        yield from _source(matrix, source, everything)
    for name, outputs, where in twice(matrix):
        text = f"{' and '.join(outputs)} lead to one place, {where}: what {name} sends may be there twice"
        yield from (line(), line(("warning: ", "bold yellow"), (text, "yellow")))
    hidden = [s for s in matrix.sources if s not in sources]
    notes = [f"{d.output} takes metrics, and no records" for d in matrix.destinations if not d.logs]
    if hidden:
        notes.append(f"not shown: {', '.join(s.name for s in hidden)}, which ECS adds to each task (--all shows them)")
    if notes:
        yield line()
    for note in notes:
        yield line((note, "dim"))


def _idle(matrix: Matrix, destination: Destination, sources: Sequence[Source]) -> bool:
    """The output of the health check that ECS adds, when its input is not shown."""
    return destination.match == "Match firelens-healthcheck" and not any(
        matrix.cell(source, destination.output) for source in sources
    )


# -- the table --------------------------------------------------------------------------------------------------------


def _table(
    matrix: Matrix, sources: Sequence[Source], destinations: Sequence[Destination], width: int
) -> Iterator[Line]:
    names = [f"{s.kind} {s.name}" for s in sources]
    first = max(map(len, names), default=0) + 2
    heads = [(shortened(d.output, WIDEST), shortened(d.where, WIDEST)) for d in destinations]
    columns = [max(map(len, head), default=1) + 2 for head in heads]
    if first + sum(columns) > width:
        # too wide: numbers in the table, and what they stand for above it
        for n, destination in enumerate(destinations, 1):
            yield line((f"  {n:>2}  ", "bold"), destination.output, (f"  {destination.where}", "dim"))
        yield line()
        heads, columns = [(str(n), "") for n, _ in enumerate(destinations, 1)], [4] * len(destinations)
    yield [Span(" " * first), *(Span(f"{top:{n}}", "bold") for (top, _), n in zip(heads, columns, strict=True))]
    if any(below for _, below in heads):
        yield [Span(" " * first), *(Span(f"{low:{n}}", "dim") for (_, low), n in zip(heads, columns, strict=True))]
    used = set()
    for name, source in zip(names, sources, strict=True):
        spans = [Span(f"{name:{first}}", "bold")]
        for destination, n in zip(destinations, columns, strict=True):
            way = matrix.cell(source, destination.output)
            sign, style = SIGNS[way.certainty] if way else NEVER
            used.add(way.certainty if way else "")
            spans.append(Span(f"{sign:{n}}", style))
        yield spans
    told = [f"{SIGNS[c][0]} {MEANING[c]}" for c in SIGNS if c in used] + ["· never"] * ("" in used)
    if told:
        yield line()
        yield line((" " * first + "   ".join(told), "dim"))


# -- the ways ---------------------------------------------------------------------------------------------------------


def _source(matrix: Matrix, source: Source, everything: bool) -> Iterator[Line]:
    yield line(
        (f"{source.kind} {source.name}", "bold"),
        f"  {source.reads}" if source.reads else "",
        (f"  tag {source.tag}", "dim"),
    )
    by_output = {d.output: d for d in matrix.destinations}
    for way in matrix.of(source):
        yield [*_where_to(way, by_output.get(way.who)), Span(_as_tags(way, source), "cyan")]
        yield from _conditions(way, everything)
        if way.how == "nowhere":
            yield from _needed(matrix, way)
    if not matrix.of(source):
        yield line("  ", ("✗ nothing is known of where it goes", "red"))


def _where_to(way: Way, to: Destination | None) -> Line:
    if way.how == "output":
        where = f"  {to.where}" if to and to.where else ""
        return line("  ", ("→ ", "bold green"), (way.who, "bold green"), where)
    if way.how == "dropped":
        return line("  ", (f"✗ dropped by {way.who}", "bold yellow"))
    if way.how == "apart":
        return line("  ", ("· ends here, as the config means it: no output wants it", "dim"))
    return line("  ", ("✗ reaches no output", "bold red"))


def _as_tags(way: Way, source: Source) -> str:
    return "" if way.tags in ((source.tag,), ()) else f"  as {' or '.join(way.tags)}"


def _conditions(way: Way, everything: bool) -> Iterator[Line]:
    texts = {c: _text(c, way) for each in way.when for c in each}
    longest = max(map(len, texts.values()), default=0)
    for number, each in enumerate(way.when):
        for n, (text, first) in enumerate(_told(each, texts, everything)):
            word = "and " if n else "or when " if number else "when "
            pad = " " * max(min(longest, 60) - len(text) + 2, 2)
            yield line((f"      {word:>8}", "dim"), text, (f"{pad}{_by(first.by, first.place)}", "dim"))
    for doubt in way.doubts:
        yield line(("      maybe: ", "magenta"), str(doubt), (f"  {_by('', doubt.place)}", "dim"))


def _told(
    conditions: Sequence[Condition], texts: Mapping[Condition, str], everything: bool
) -> Iterator[tuple[str, Condition]]:
    """Each with its text. Of many rules of one filter that do not fit only their number is told."""
    for _, group in groupby(conditions, lambda c: (c.by, c.holds)):
        alike = list(group)
        if len(alike) < MANY or alike[0].holds or everything:
            yield from ((texts[condition], condition) for condition in alike)
        else:
            yield f"none of {len(alike)} rules fits", alike[0]


def _text(condition: Condition, way: Way) -> str:
    """With a mark where the same is asked once more, of what the field is by then."""
    same = [c.test.asked for each in way.when for c in each if str(c) == str(condition)]
    return f"{condition} (by then)" if condition.test.asked > min(same) else str(condition)


def _by(who: str, place: Place | None) -> str:
    where = place_text(place)
    return f"{who} {where}".strip()


def _needed(matrix: Matrix, way: Way) -> Iterator[Line]:
    """What the outputs take, and what one would have to take."""
    takes = [f"{d.output} ({d.match or 'no Match'})" for d in matrix.destinations if d.logs]
    if not matrix.fluentd:
        yield line(("      the outputs take: ", "dim"), ", ".join(takes) or "nothing: there are none")
    needed = [f"<match {tag_match(t)}>" if matrix.fluentd else f"an output with Match {tag_match(t)}" for t in way.tags]
    yield line(("      needed: ", "dim"), " or ".join(needed))


def tag_match(tag: str) -> str:
    """The Match that takes a tag as it is shown."""
    return tag.partition("<")[0] + "*" if "<" in tag else tag
