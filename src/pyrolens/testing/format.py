"""The format of test files, declared once: what reads them, the reference for people and the schema for editors."""

import json
from typing import Any

from pyrolens.testing.kinds import (
    COUNT,
    DROPPED,
    FIELD,
    LINES,
    MOMENT,
    PLACED,
    SECONDS,
    SWITCH,
    TEXT,
    By,
    Fields,
    Many,
    Named,
    Word,
)
from pyrolens.testing.shapes import Key, Shape

SUFFIXES = (".pyrolens.yaml", ".pyrolens.yml")

VARIABLES = Named(TEXT, "a map of variables and their values")
ENV = Key("env", VARIABLES, "Variables of the router's environment, besides those of the task.")
TIME = Key("time", MOMENT, "What time it is when the first record comes; without a zone it is UTC.")

RECORD = Shape(
    "a record",
    "a record",
    "What one record is like. A text instead of a map means a record whose field `log` is that text.",
    [
        Key("contains", Fields(), "Fields that it has, with these values; others may be there. Maps within it, too."),
        Key("exact", Fields(), "All of its fields, but for those that `matches` names."),
        Key("matches", Fields(patterns=True), "Fields whose text fits a pattern, as `Regex` of grep has them."),
        Key("absent", Many(FIELD), "Fields that it must not have: names, or accessors such as `$a['b']`."),
        Key("tag", TEXT, "Its tag; `*` is a wildcard, as in `Match`."),
        Key("time", MOMENT, "The time that it has."),
        Key(
            "sent",
            By(text=TEXT, pairs=Fields()),
            "What the output sends for it, as the destination gets it: all of its text, or fields that it has as JSON.",
        ),
    ],
    some_of=["contains", "exact", "matches", "absent", "tag", "time", "sent"],
    apart={"exact": ["contains", "absent"]},
)
RECORDS = Many(By(text=PLACED, pairs=RECORD), alone=False)

DESTINATION = Shape(
    "a destination",
    "a destination",
    "What arrives there. A number instead of a map means so many records, a list means its `records`.",
    [
        Key("records", RECORDS, "Each record that arrives, in this order."),
        Key("count", COUNT, "How many records arrive."),
        Key("tag", TEXT, "The tag of all of them; `*` is a wildcard, as in `Match`."),
        Key("order", Word(["any", "given"]), "`any`: the records may arrive in another order. Else `given`."),
    ],
    some_of=["records", "count", "tag"],
)

EXPECT = Shape(
    "a map of what is expected",
    "what is expected",
    "What becomes of all that is given. What is not named here must not happen, unless `nothing_else` is `false`.",
    [
        Key(
            "to",
            Named(By(text=COUNT, items=RECORDS, pairs=DESTINATION), "a map of destinations and what arrives there"),
            "What arrives where. A destination is an output, by its alias, its name such as `s3.0`, or its plugin's "
            "name if it is the only one; or a place that outputs lead to, such as a log group, a delivery stream, a "
            "bucket.",
        ),
        Key(
            "dropped",
            By(text=DROPPED, pairs=Named(COUNT, "a map of filters and numbers")),
            "What filters take out: `by grep.0`, a number, or a map of filters and numbers. A filter goes by its "
            "alias, its name, or its plugin's name if it is the only one.",
        ),
        Key(
            "unrouted",
            COUNT,
            "How many records come through the filters and no output takes them; but for those that only stream "
            "tasks are to take.",
        ),
        Key(
            "nothing_else",
            SWITCH,
            "`false`: other records may arrive, here and elsewhere, and be dropped; those that are named have to be "
            "among them. Else `true`.",
        ),
    ],
)

STEP = Shape(
    "a step",
    "a step",
    "Lines or records that come in at one place, or time that passes.",
    [
        Key("container", TEXT, "The container of the task definition that prints these lines."),
        Key("stream", Word(["stdout", "stderr"]), "Of a container; else `stdout`."),
        Key("input", TEXT, "The input that gets these lines or records: its alias, its name, or its plugin's name."),
        Key("file", TEXT, "The path of the file that an input tail reads these lines from."),
        Key("tag", TEXT, "The tag of these records; with `input`, the one that their sender chooses."),
        Key("lines", LINES, "Lines of text. With `tag` alone, a JSON object is a record, and other text its `log`."),
        Key("records", Many(Fields()), "Records, as a map of their fields each."),
        Key(
            "recorded",
            TEXT,
            "A file with such lines, as a path from here. Alone, with nothing that says where they come in: records "
            "that `pyrolens tap` wrote, with their own tags and times.",
        ),
        Key("wait", SECONDS, "Let so much time pass. The clock is a virtual one: nobody waits."),
    ],
    one_of=[("lines", "records", "recorded", "wait")],
    apart={
        "wait": ["container", "stream", "input", "file", "tag"],
        "container": ["input", "file", "tag"],
        "input": ["file"],
        "tag": ["stream"],
        "file": ["stream", "records", "tag"],
    },
)

TEST = Shape(
    "a test",
    "a test",
    "What is given and what is expected. Each begins with a router that has seen nothing yet.",
    [
        Key("name", TEXT, "What it shows, in a few words.", needed=True),
        Key("given", Many(STEP), "What comes in, step by step.", needed=True),
        Key("expect", EXPECT, "What becomes of it. Without it, the test fails until `--update` has written it."),
        ENV,
        TIME,
    ],
)

FILES = Named(TEXT, "a map of paths or ARNs and local files")
PARAMETERS = Named(TEXT, "a map of parameters and their values")

FILE = Shape(
    "a test file",
    "a file",
    "The tests of one config.",
    [
        Key(
            "subject",
            TEXT,
            "The config or task definition, as a path from here. Without it: the file here of the same name, else the "
            "only task definition here, else the only config.",
        ),
        ENV,
        TIME,
        Key("files", FILES, "The local file for a path in the router's container or for an ARN."),
        Key("task", TEXT, "Which task definition of the subject, if it has several: its resource or family."),
        Key("parameters", PARAMETERS, "Of a CloudFormation template or of Terraform's files."),
        Key("tests", Many(TEST, alone=False), "The tests.", needed=True),
    ],
)
SHAPES = (FILE, TEST, STEP, EXPECT, DESTINATION, RECORD)


def schema() -> str:
    """JSON Schema for editors."""
    made: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A test file of pyrolens test",
        **FILE.schema,
        "definitions": {shape.schema["$ref"].rpartition("/")[2]: shape.definition for shape in SHAPES},
    }
    return json.dumps(made, indent=2) + "\n"


def reference() -> str:
    """All keys, in Markdown: docs/test-format.md."""
    parts = ["# The format of test files", "<!-- written by docs/build.py -->"]
    parts.append("A file `NAME.pyrolens.yaml` beside a config, in YAML without anchors: see [pyrolens test](test.md).")
    for shape in SHAPES:
        parts += [f"## {shape.title[0].upper()}{shape.title[1:]}", shape.doc]
        rows = [f"| `{key.name}` | {_kind(key)} | {key.doc} |" for key in shape.keys]
        parts.append("\n".join(["| key | is | |", "|---|---|---|", *rows]))
        if rules := [*map(_one_of, shape.one_of), *_needed(shape)]:
            parts.append("\n".join(rules))
    return "\n\n".join(parts) + "\n"


def _kind(key: Key) -> str:
    return key.kind.what.replace("|", "\\|")


def _one_of(names: Any) -> str:
    return f"Exactly one of {', '.join(f'`{name}`' for name in names)}."


def _needed(shape: Shape) -> list[str]:
    needed = [f"`{key.name}`" for key in shape.keys if key.needed]
    return [f"Needed: {', '.join(needed)}."] if needed else []
