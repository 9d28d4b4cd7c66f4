"""Pipelines made by hypothesis, as documents."""

from hypothesis import strategies as st

from pyrolens.language.document import Definition, Document, Entry, Section
from pyrolens.problems import Place

HERE = Place("made")
WORD = st.from_regex(r"[A-Za-z0-9_]{1,6}", fullmatch=True)
# nothing that only a line break or blanks at an end would set apart
TEXT = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\x00}"), min_size=1, max_size=12)
    | st.sampled_from(
        ["null", "true", "~", "- a", "# b", "a: b", "'", '"', "${A}x", "[x", "{y", "*", "&a", "!b", "|", ">", "%"]
    )
).map(lambda text: text.strip(" \t\n\v\f\r")).filter(bool)  # fmt: skip
TAG = st.sampled_from(["*", "app.*", "a.b", "app.*.log", "b"])


def entry(key: str, value: object) -> Entry:
    return Entry(key, value, HERE, HERE)


def section(kind: str, *pairs: tuple[str, object]) -> Section:
    return Section(kind, HERE, [entry(k, v) for k, v in pairs], name=kind)


RULES = st.one_of(
    st.tuples(st.sampled_from(["Set", "Add", "Rename", "Copy"]), st.builds("{} {}".format, WORD, WORD)),
    st.tuples(st.just("Remove"), WORD),
)
INPUTS = st.builds(
    lambda tag, samples, alias: section("input", ("Name", "dummy"), ("Tag", tag), ("Samples", str(samples)), *alias),
    TEXT,
    st.integers(1, 9),
    st.lists(st.tuples(st.just("Alias"), WORD), max_size=1),
)


def modify(tag: str, rules: list[tuple[str, str]]) -> Section:
    return section("filter", ("Name", "modify"), ("Match", tag), *rules)


def grep(tag: str, kinds: list[str], word: str) -> Section:
    return section("filter", ("Name", "grep"), ("Match", tag), *((k, f"log {word}") for k in kinds))


def modifier(tag: str, texts: list[str]) -> Section:
    pattern = "^" + tag[:1].replace("*", ".*")
    records = (("Record", f"k{n} {t}") for n, t in enumerate(texts))
    return section("filter", ("name", "record_modifier"), ("Match_Regex", pattern), *records)


FILTERS = st.one_of(
    st.builds(modify, TAG, st.lists(RULES, max_size=5)),
    st.builds(grep, TAG, st.lists(st.sampled_from(["Regex", "Exclude", "exclude"]), min_size=1, max_size=3), WORD),
    st.builds(modifier, TAG, st.lists(TEXT, min_size=1, max_size=3)),
)
OUTPUTS = st.builds(
    lambda tag, alias: section("output", ("Name", "null"), ("Match", tag), *alias),
    TAG,
    st.lists(st.tuples(st.just("Alias"), TEXT), max_size=1),
)
SERVICES = st.lists(
    st.sampled_from([("Flush", "2"), ("Grace", "7"), ("Log_Level", "debug"), ("HTTP_Server", "on"), ("flush", "3")]),
    max_size=3,
).map(lambda pairs: [section("service", *pairs)] if pairs else [])


@st.composite
def documents(draw: st.DrawFn) -> Document:
    parts: list[Section] = draw(SERVICES)
    for one in (INPUTS, FILTERS, OUTPUTS):
        parts = parts + draw(st.lists(one, min_size=1, max_size=3))
    names = draw(st.lists(WORD, unique=True, max_size=2))
    return Document(parts, [Definition(n, draw(TEXT), HERE) for n in names])
