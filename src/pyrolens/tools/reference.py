"""pyrolens plugins: the plugins and their options, from the declarations that also read them."""

import argparse
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from pyrolens.config.elsewhere import ALIASES
from pyrolens.config.service import IGNORED, Service
from pyrolens.multiline import MultilineParser
from pyrolens.options import Spec, spec_of
from pyrolens.plugin import KINDS, Plugin, PluginKind, find, names
from pyrolens.problems import nearest

PLUGIN_KINDS: tuple[PluginKind, ...] = get_args(PluginKind)


def main(argv: Sequence[str]) -> int:
    """Prints it; 1 when there is no such plugin."""
    args = _arguments().parse_args(argv)
    if args.markdown:
        for path in write_pages(Path(args.markdown)):
            print(path)
        return 0
    kinds = [k for k in PLUGIN_KINDS if args.kind in (None, k, f"{k}s")]
    if not kinds and args.name is None:
        # `pyrolens plugins grep`: the name alone is enough
        kinds, args.name = list(PLUGIN_KINDS), args.kind
    if args.name is None:
        print("\n\n".join(listing(k) for k in kinds))
        return 0
    found = [cls for k in kinds if (cls := find(k, args.name))]
    if not found:
        known = [n for k in kinds for n in names(k)]
        hint = nearest(args.name, known) or "pyrolens plugins lists them"
        print(f"there is no plugin '{args.name}'; {hint}", file=sys.stderr)
        return 1
    print("\n\n".join(help_of(cls) for cls in found))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pyrolens plugins", description="List the plugins, or the options of one.")
    parser.add_argument("kind", nargs="?", help="input, parser, filter or output")
    parser.add_argument("name", nargs="?", help="of a plugin")
    parser.add_argument("--markdown", metavar="DIR", help="write a page for each plugin into this folder")
    return parser


# -- what there is to say -------------------------------------------------------------------------------------------


def summary(cls: type[Any]) -> str:
    """The first line of the docstring."""
    return (inspect.getdoc(cls) or "").split("\n", 1)[0]


def own_options(cls: type[Any]) -> tuple[list[Spec], list[Spec]]:
    """(those of the plugin itself, those that every plugin of its kind has)."""
    common = {s.name for s in spec_of(KINDS[cls.kind])} if issubclass(cls, Plugin) else set()
    specs = spec_of(cls)
    return [s for s in specs if s.name not in common], [s for s in specs if s.name in common]


def described(spec: Spec) -> str:
    """Kind, default and limits of an option in a few words."""
    kind = ", ".join(spec.choices[:-1]) + f" or {spec.choices[-1]}" if len(spec.choices) > 1 else spec.kind.name
    if spec.pairs:
        kind = "KEY VALUE" if spec.pairs > 1 else "KEY, and the rest of the line as its value"
    words = [kind]
    if spec.repeats or spec.spellings:
        words.append("may repeat")
    if spec.low is not None:
        words.append(f"at least {spec.low:g}")
    if spec.high is not None:
        words.append(f"at most {spec.high:g}")
    if spec.required:
        words.append("required")
    elif spec.default not in (None, [], ""):
        words.append(f"default {shown(spec.default)}")
    return "; ".join(words)


def shown(default: Any) -> str:
    """A default as a config would write it."""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, float):
        return f"{default:g}"
    return ", ".join(map(str, default)) if isinstance(default, (list, tuple)) else str(default)


def rows(specs: list[Spec]) -> Iterator[tuple[str, str, str]]:
    """(name, in a few words, doc) of each option; one with several spellings has a row for each."""
    for spec in specs:
        if spec.spellings is not None:
            for name, doc in spec.spellings.items():
                yield name, "text; may repeat, and the order counts", doc
        else:
            also = f" Also written {', '.join(spec.aliases)}." if spec.aliases else ""
            yield spec.name, described(spec), spec.doc + also


# -- as text ----------------------------------------------------------------------------------------------------------


def listing(kind: PluginKind) -> str:
    lines = [f"{kind}s"]
    lines += [f"  {name:24} {summary(cls)}" for name in names(kind) if (cls := find(kind, name))]
    return "\n".join(lines)


def help_of(cls: type[Any]) -> str:
    own, common = own_options(cls)
    lines = [f"{cls.kind} {cls.name}", "", *(f"  {line}".rstrip() for line in (inspect.getdoc(cls) or "").split("\n"))]
    for title, specs in (("Options", own), (f"Options of every {cls.kind}", common)):
        if specs:
            lines += ["", f"  {title}"]
        for name, kind, doc in rows(specs):
            lines += [f"    {name}  ({kind})", f"        {doc}"]
    if cls.ignored:
        lines += ["", "  Taken without effect", *(f"    {n}: {reason}" for n, reason in cls.ignored.items())]
    if cls.refused:
        lines += ["", "  Not taken", *(f"    {n}: {reason}" for n, reason in cls.refused.items())]
    if cls.differs:
        lines += ["", "  Differs from Fluent Bit", *(f"    {text}" for text in cls.differs)]
    return "\n".join(lines)


# -- as pages ---------------------------------------------------------------------------------------------------------


def write_pages(folder: Path) -> list[Path]:
    """A page for each plugin, one for [SERVICE], one for multiline parsers, and one that lists them all."""
    written = []
    for path, text in pages():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        written.append(target)
    return written


def pages() -> Iterator[tuple[str, str]]:
    """(path below the folder, Markdown)."""
    index = [
        "# Reference",
        "",
        "These pages are made from the declarations in the code.",
        "",
        "- [service](service.md)",
    ]
    index += ["- [multiline parsers](multiline_parser.md)"]
    yield "service.md", page("[SERVICE]", Service, spec_of(Service), [], dict(IGNORED), ())
    yield (
        "multiline_parser.md",
        page("[MULTILINE_PARSER]", MultilineParser, spec_of(MultilineParser), [], {}, (
            "`Rule` may repeat: `Rule \"start_state\" \"/pattern/\" \"next_state\"`.",
        ), "Rules"),
    )  # fmt: skip
    for kind in PLUGIN_KINDS:
        index += ["", f"## {kind}s", ""]
        for name in names(kind):
            cls = find(kind, name)
            if cls is None:
                continue
            index.append(f"- [{name}]({kind}s/{name}.md): {summary(cls)}")
            own, common = own_options(cls)
            title = f"{kind} {name}"
            yield f"{kind}s/{name}.md", page(title, cls, own, common, cls.ignored, cls.differs, refused=cls.refused)
    yield "README.md", "\n".join(index) + "\n"


def page(
    title: str,
    cls: type[Any],
    own: list[Spec],
    common: list[Spec],
    ignored: Any,
    notes: Sequence[str],
    notes_title: str = "Differs from Fluent Bit",
    refused: Mapping[str, str] = MappingProxyType({}),
) -> str:
    lines = [f"# {title}", "", inspect.getdoc(cls) or ""]
    aliases = [a for (kind, a), name in ALIASES.items() if title == f"{kind} {name}"]
    if aliases:
        lines += ["", f"Also written {', '.join(aliases)}."]
    for heading, specs in (("Options", own), ("Options of every plugin of this kind", common)):
        if specs:
            lines += ["", f"## {heading}", "", "| option | value | meaning |", "|---|---|---|"]
            lines += [f"| `{name}` | {cell(kind)} | {cell(doc)} |" for name, kind, doc in rows(specs)]
    if ignored:
        lines += ["", "## Taken without effect", ""]
        lines += [f"- `{name}`: {reason}" for name, reason in ignored.items()]
    if refused:
        lines += ["", "## Not taken", ""]
        lines += [f"- `{name}`: {reason}" for name, reason in refused.items()]
    if notes:
        lines += ["", f"## {notes_title}", "", *(f"- {text}" for text in notes)]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
