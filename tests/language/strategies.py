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


# what only YAML has in a pipeline, and what stands beside one

SCALARS = TEXT | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none() | st.sampled_from([0.5, -2.25, 1e300])
FIELD = st.sampled_from(["$log", "$a['b']", "$a['b'][0]", "$TAG", "level"])
OPS = st.sampled_from(["eq", "neq", "gt", "lt", "gte", "lte", "regex", "not_regex"])


def _rule(field: str, op: str, value: object, context: str | None) -> dict[str, object]:
    if op.endswith("regex"):
        value = "^a.*b"
    return {"field": field, "op": op, "value": value, **({"context": context} if context else {})}


RULE = st.builds(_rule, FIELD, OPS, SCALARS, st.sampled_from([None, "body", "metadata"])) | st.builds(
    lambda field, op, values: {"field": field, "op": op, "value": values},
    FIELD,
    st.sampled_from(["in", "not_in"]),
    st.lists(TEXT, min_size=1, max_size=3),
)
CONDITION = st.builds(
    lambda op, rules: {**({"op": op} if op else {}), "rules": rules},
    st.sampled_from([None, "and", "or"]),
    st.lists(RULE, min_size=1, max_size=3),
)


def _processor(pairs: list[tuple[str, object]], condition: object) -> Section:
    given = [("condition", condition)] if condition else []
    return section("processor", *pairs, *given)


PROCESSORS = st.lists(
    st.builds(
        _processor,
        st.builds(
            lambda action, key, value: [
                ("name", "content_modifier"), ("action", action), ("key", key), ("value", value)
            ],
            st.sampled_from(["insert", "upsert"]),
            WORD,
            TEXT,
        )
        | st.builds(lambda word: [("name", "grep"), ("regex", f"log {word}")], WORD),
        st.none() | CONDITION,
    ),
    max_size=2,
)  # fmt: skip


def _route(number: int, condition: object, per_record: bool, to: list[str]) -> dict[str, object]:
    made: dict[str, object] = {"name": f"r{number}", "to": {"outputs": to}}
    if condition:
        made["condition"] = condition
    if per_record:
        made["per_record_routing"] = True
    return made


@st.composite
def whole_documents(draw: st.DrawFn) -> Document:
    """With processors, conditions, routes, parsers, multiline parsers, upstreams, stream tasks and custom plugins."""
    made = draw(documents())
    outputs = made.of("output")
    for number, one in enumerate(outputs):
        one.entries = [e for e in one.entries if e.key != "Alias"] + [entry("alias", f"o{number}")]
    for one in made.of("input") + outputs:
        one.processors = draw(PROCESSORS)
    aliases = st.lists(st.sampled_from([f"o{n}" for n in range(len(outputs))]), min_size=1, max_size=2, unique=True)
    for one in made.of("input"):
        routes = draw(st.lists(st.tuples(st.none() | CONDITION, st.booleans(), aliases), max_size=2))
        if routes:
            value = {"logs": [_route(n, *route) for n, route in enumerate(routes)]}
            one.entries.append(entry("routes", value))
    return Document([*made.sections, *draw(beside(groups=True))], made.definitions)


@st.composite
def beside(draw: st.DrawFn, groups: bool) -> list[Section]:
    """`groups`: rules and nodes as maps, as in YAML."""
    made: list[Section] = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(["json", "logfmt", "ltsv", "regex"]), max_size=2))):
        pairs = [("name", f"p{number}"), ("format", kind), *[("regex", "^(?<a>.*)$")] * (kind == "regex")]
        pairs += draw(st.lists(st.sampled_from([("time_key", "t"), ("time_keep", "on")]), max_size=2, unique=True))
        made.append(section("parser", *pairs))
    for number, word in enumerate(draw(st.lists(WORD, max_size=2))):
        one = section("multiline_parser", ("name", f"m{number}"), ("type", "regex"), ("flush_timeout", "1500"))
        rules = [("start_state", f"/^{word}/", "cont"), ("cont", "/^\\s+/", "cont")]
        if groups:
            one.groups = [section("rule", ("state", a), ("regex", b), ("next_state", c)) for a, b, c in rules]
        else:
            one.entries += [entry("rule", f'"{a}" "{b}" "{c}"') for a, b, c in rules]
        made.append(one)
    for number, name in enumerate(draw(st.lists(WORD, max_size=1))):
        nodes = [section("node", ("name", f"{name}{n}"), ("host", "h"), ("port", str(1 + n))) for n in range(2)]
        one = section("upstream", ("name", f"u{number}"))
        if groups:
            one.groups = nodes
        made += [one] if groups else [one, *nodes]
    for word in draw(st.lists(WORD, max_size=1)):
        made.append(section("stream_task", ("name", word), ("exec", f"CREATE STREAM {word} AS SELECT * FROM TAG:'t';")))
    return made
