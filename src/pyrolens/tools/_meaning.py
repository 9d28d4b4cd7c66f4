"""What a document means, whatever language it is written in; and the two spellings of a multiline parser's rules."""

from dataclasses import replace

from pyrolens.language.document import Document, Entry, Section
from pyrolens.options import split_tokens
from pyrolens.problems import Place

NO_EFFECT = ("", "env")
"""Kinds of sections of the classic format that nothing reads."""
Meaning = list[tuple[str, list[object]]]


def meaning_of(document: Document) -> Meaning:
    """Equal for documents from which the same config is built."""
    kinds = dict.fromkeys(s.kind for s in sorted(document.sections, key=lambda s: s.kind) if s.kind not in NO_EFFECT)
    out: Meaning = [("variable", [(d.name, d.value) for d in document.definitions])]
    for kind in kinds:
        sections = document.of(kind)
        if kind in ("service", "plugins"):
            entries = [_entry(e) for s in sections for e in s.entries]
            if entries:
                out.append((kind, list(entries)))
        else:
            out.append((kind, [_of_section(s) for s in sections]))
    return out


def _entry(entry: Entry) -> tuple[str, object]:
    return entry.key.lower(), entry.value


def _of_section(section: Section) -> object:
    section = _rules_as_lines(section)
    entries = [_entry(e) for e in section.entries]
    rules = [tuple(split_tokens(str(v), 3)) for k, v in entries if k == "rule"]
    kept = [e for e in entries if e[0] != "rule"] if section.kind == "multiline_parser" else entries
    groups = [[_entry(e) for e in g.entries] for g in section.groups] if section.kind != "multiline_parser" else []
    processors = [[[_entry(e) for e in p.entries] for p in s] for s in (section.processors, section.metrics_processors)]
    return kept, rules, groups, processors


def difference(one: Document, other: Document) -> str:
    """What of the one is not in the other."""
    there = dict(meaning_of(other))
    for kind, parts in meaning_of(one):
        if there.get(kind) != parts:
            return "a variable" if kind == "variable" else f"the section [{kind.upper()}]"
    return "something"


def where_different(one: Document, other: Document) -> Place | None:
    """The first section of the one that is not so in the other."""
    there = dict(meaning_of(other))
    for kind, parts in meaning_of(one):
        found = there.get(kind, [])
        for n, section in enumerate(one.of(kind)):
            if n >= len(found) or (n < len(parts) and parts[n] != found[n]):
                return section.place
    return None


def with_groups(document: Document) -> Document:
    """With the rules of multiline parsers as maps, as people write them in YAML."""
    return replace(document, sections=[_rules_as_maps(s) for s in document.sections])


def _rules_as_maps(section: Section) -> Section:
    rules = [split_tokens(str(e.value), 3) for e in section.all("rule")]
    if section.kind != "multiline_parser" or any(len(r) != 3 or any(w.strip() != w for w in r) for r in rules):
        return section
    groups = []
    for entry, words in zip(section.all("rule"), rules, strict=True):
        keys = zip(("state", "regex", "next_state"), words, strict=True)
        groups.append(Section("rule", entry.place, [Entry(k, w, entry.place, entry.value_place) for k, w in keys]))
    entries = [e for e in section.entries if e.key.lower() != "rule"]
    return replace(section, entries=entries, groups=[*section.groups, *groups])


def with_lines(document: Document) -> Document:
    """With the rules of multiline parsers as lines: Rule "state" "pattern" "next"."""
    return replace(document, sections=[_rules_as_lines(s) for s in document.sections])


def _rules_as_lines(section: Section) -> Section:
    if section.kind != "multiline_parser":
        return section
    rules = []
    for group in section.groups:
        words = [str(e.value) if (e := group.get(k)) else "" for k in ("state", "regex", "next_state")]
        line = " ".join('"' + word.replace('"', '\\"') + '"' for word in words)
        rules.append(Entry("rule", line, group.place, group.place))
    return replace(section, entries=[*section.entries, *rules], groups=[])
