"""pyrolens convert: a config in the other language."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from pyrolens.config.loading import read, read_text
from pyrolens.language import write_classic, write_yaml
from pyrolens.language.document import Document, Entry, Section
from pyrolens.language.includes import is_yaml
from pyrolens.problems import ConfigError, Problem, Problems
from pyrolens.tools._comments import Comments
from pyrolens.tools._meaning import NO_EFFECT, difference, meaning_of, where_different, with_groups, with_lines
from pyrolens.tools.run import tell

PARSERS = ("parser", "multiline_parser")


def main(argv: Sequence[str]) -> int:
    """Prints the config, or writes it. 1: it cannot be read, or the other language cannot express it."""
    args = arguments().parse_args(argv)
    problems = Problems()
    try:
        document = read(args.file, problems)
        to = args.to or ("classic" if is_yaml(args.file) else "yaml")
        files = converted(document, to, args.output, args.keep_includes, problems)
    except ConfigError as error:
        tell(error.problems)
        return 1
    tell(problems)
    if args.output is None:
        sys.stdout.write(next(iter(files.values())))
        return 0
    try:
        for path, text in files.items():
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(text)
    except OSError as why:
        tell([Problem("not-written", f"{path} cannot be written: {why.strerror}")])
        return 1
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens convert",
        description="Print a config in Fluent Bit's other language. Variables and comments stay as they are.",
    )
    parser.add_argument("file", help="the config: classic, or YAML if it is named .yaml or .yml")
    parser.add_argument("--to", choices=("yaml", "classic"), help="the language to write (default: the other one)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there")
    parser.add_argument(
        "--keep-includes", action="store_true", help="write included files beside FILE, each by itself (needs -o)"
    )
    return parser


def converted(document: Document, to: str, output: str | None, keep: bool, problems: Problems) -> dict[str, str]:
    """Path -> text, the main file first. Warnings go to problems. Raises: ConfigError."""
    main, suffix = output or f"-.{to}", ".yaml" if to == "yaml" else ".conf"
    if is_yaml(main) != (to == "yaml"):
        wanted = "a name that ends with .yaml" if to == "yaml" else "a name that does not end with .yaml"
        problems.error("bad-option", f"-o {output}: a {to} config needs {wanted}, as its name says what it is")
    if keep and output is None:
        problems.error("bad-option", "--keep-includes needs -o, for there are several files to write")
    problems.raise_if_any()
    for section in document.sections:
        if section.kind in NO_EFFECT:
            problems.warning("left-out", f"[{section.name}] is left out: nothing reads it", section.place)
    by_file = keep and len(document.files) > 1
    comments = Comments(document, document.files if by_file else document.files[:1])
    if by_file:
        files = _by_file(document, to, main, suffix, problems, comments)
    else:
        files = _one_file(document, to, main, problems, comments)
    problems.raise_if_any()
    if comments:
        lines = "a comment is" if len(comments) == 1 else f"{len(comments)} lines of comments are"
        problems.warning("comments-lost", f"{lines} not carried over, as what they stand at is not")
    return files


def _one_file(document: Document, to: str, main: str, problems: Problems, comments: Comments) -> dict[str, str]:
    files = document.files
    if to == "yaml" or not any(s.kind in PARSERS for s in document.sections):
        return {main: _text(document, to, main, problems, comments, files)}
    parsers = [s for s in document.sections if s.kind in PARSERS]
    if len(parsers) == len(document.sections):
        return {main: _text(document, to, main, problems, comments, files)}
    if main == "-.classic":
        message = "in the classic format parsers need a file of their own"
        problems.error("not-classic", message, parsers[0].place, "say -o FILE, and they are written beside it")
        return {main: ""}
    beside = f"{os.path.splitext(main)[0]}-parsers.conf"
    name = os.path.basename(beside)
    rest = [s for s in document.sections if s.kind not in PARSERS]
    services = document.of("service")
    place = parsers[0].place
    entry = Entry("parsers_file", name, place, place)
    if services:
        first = replace(services[0], entries=[*services[0].entries, entry])
        rest = [first if s is services[0] else s for s in rest]
    else:
        rest.insert(0, Section("service", place, [entry], name="service"))
    problems.warning("parsers-apart", f"the parsers are written to {beside}, as the classic format wants it")
    return {
        main: _text(replace(document, sections=rest), to, main, problems, comments, files),
        beside: _text(replace(document, sections=parsers, definitions=[]), to, beside, problems, comments),
    }


def _by_file(
    document: Document, to: str, main: str, suffix: str, problems: Problems, comments: Comments
) -> dict[str, str]:
    """Each file by itself, the included ones named at the top of the main file, or at its end."""
    folder, out = document.folder, os.path.dirname(main)
    own, *others = document.files
    names: dict[str, str] = {}
    for path in others:
        name = os.path.relpath(os.path.realpath(path), folder)
        if name.startswith(os.pardir):
            name = os.path.basename(path)
        names[path] = os.path.splitext(name)[0] + suffix
    if len({*names.values(), os.path.basename(main)}) <= len(names):
        problems.error("bad-option", "--keep-includes: two of the files would get the same name")
    parts = {
        path: replace(
            document,
            sections=[s for s in document.sections if s.place.file == path],
            definitions=[d for d in document.definitions if d.place.file == path],
        )
        for path in document.files
    }
    ordered = {
        first: _joined([own, *others] if not first else [*others, own], parts, document) for first in (True, False)
    }
    first = next((f for f, whole in ordered.items() if meaning_of(whole) == meaning_of(document)), None)
    if first is None:
        message = "--keep-includes: what is included stands between other sections, and their order counts"
        problems.error("includes-between", message, None, "convert it into one file")
        problems.raise_if_any()
    texts = {main: _text(parts[own], to, main, problems, comments, [own], list(names.values()), bool(first))}
    for path, name in names.items():
        target = os.path.join(out, name)
        texts[target] = _text(parts[path], to, target, problems, comments, [path])
    return texts


def _joined(order: list[str], parts: dict[str, Document], document: Document) -> Document:
    return replace(
        document,
        sections=[s for path in order for s in parts[path].sections],
        definitions=[d for path in order for d in parts[path].definitions],
    )


def _text(
    document: Document,
    to: str,
    file: str,
    problems: Problems,
    comments: Comments,
    files: Sequence[str] = (),
    includes: Sequence[str] = (),
    first: bool = True,
) -> str:
    """`files`: of which what is said at the top and at the end belongs into this text."""
    document = replace(document, sections=[s for s in document.sections if s.kind not in NO_EFFECT])
    before = len(problems.errors)
    if to == "yaml":
        text = write_yaml.write(with_groups(document), problems, includes, first, comments.above)
    else:
        text = write_classic.write(with_lines(document), problems, includes, first, comments.above)
    head, tail = ([line for path in files for line in said(path)] for said in (comments.first, comments.last))
    text = "".join([*(f"{line}\n" for line in head), text, *(f"{line}\n" for line in tail)])
    if len(problems.errors) > before or includes:
        return text
    try:
        again = read_text(text, f"x.{to}", Problems())
    except ConfigError as error:
        again = Document()
        reason = error.problems[0].message
    else:
        reason = "it would be read otherwise"
    if meaning_of(again) != meaning_of(document):
        message = f"{file}: {difference(document, again)} cannot be written in this language: {reason}"
        problems.error(f"not-{to}", message, where_different(document, again))
    return text
