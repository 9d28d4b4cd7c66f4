"""Files that are read: what is read twice, and what is not read at all."""

import fnmatch
import re
from collections.abc import Iterator

from pyrolens.check.context import Context, is_on, name, text
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import OUT
from pyrolens.check.tags import within
from pyrolens.problems import Place

TAIL = "[INPUT]\n    Name tail\n    Tag app\n    Path /var/log/app/*.log\n    DB /var/lib/app.db\n"
LONG = TAIL + "    Skip_Long_Lines On\n"


def shares_db(context: Context) -> Iterator[Finding]:
    seen: dict[str, Place] = {}
    for section in context.plugins("input", "tail"):
        entry = section.get("db")
        if entry is None:
            continue
        path = str(entry.value)
        if path in seen:
            message = "the tail at {also} has the same DB, and each overwrites what the other one noted"
            yield Finding(message, entry.value_place, "give each a DB of its own", seen[path])
        seen.setdefault(path, section.place)


def no_db(context: Context) -> Iterator[Finding]:
    for section in context.plugins("input", "tail"):
        entry = section.get("name")
        if entry and not section.get("db") and not is_on(section, "exit_on_eof"):
            head = is_on(section, "read_from_head")
            what = "reads its files from the beginning again" if head else "skips what was written meanwhile"
            yield Finding(f"a restart of the router {what}: this tail has no DB", entry.value_place, "set DB")


def rotated(context: Context) -> Iterator[Finding]:
    for section in context.plugins("input", "tail"):
        entry = section.get("path")
        for path in str(entry.value).split(",") if entry else ():
            if entry and re.search(r"\.log\*$", path.strip()) and not section.get("exclude_path"):
                message = f"{path.strip()} also takes the files that a rotation renames, which are then read again"
                yield Finding(message, entry.value_place, "end it with .log, or leave them out with Exclude_Path")


def long_lines(context: Context) -> Iterator[Finding]:
    for section in context.plugins("input", "tail"):
        entry = section.get("name")
        if entry and not is_on(section, "skip_long_lines") and not is_on(section, "truncate_long_lines"):
            size = text(section, "buffer_max_size") or "32k"
            message = f"a line longer than {size} ends the reading of its whole file"
            yield Finding(message, entry.value_place, "set Skip_Long_Lines On")


def joined_late(context: Context) -> Iterator[Finding]:
    """A filter multiline that sees records of tail alone."""
    tails = [tag for section, tag in context.inputs if name(section) == "tail" and "*" not in tag]
    others = [tag for section, tag in context.inputs if name(section) != "tail"]
    for section in context.plugins("filter", "multiline"):
        match = text(section, "match")
        if not match or text(section, "mode").lower() == "partial_message" or context.task or context.rewrites:
            continue
        mine = [tag for tag in tails if within(tag, match)]
        if mine and not any(context.reaches(section, tag) for tag in others):
            entry = section.get("name")
            message = "these lines come from tail, which joins them before they become records"
            place = entry.value_place if entry else section.place
            yield Finding(message, place, "remove this filter, and set multiline.parser of the input")


def own_files(context: Context) -> Iterator[Finding]:
    """A tail of a file that the router itself writes."""
    written = {}
    for section in context.plugins("output", "file"):
        folder, file = text(section, "path"), text(section, "file")
        if file.startswith("/") or (folder.startswith("/") and file):
            written[file if file.startswith("/") else f"{folder.rstrip('/')}/{file}"] = "output file"
    for section in context.document.of("service"):
        if log := text(section, "log_file"):
            written[log] = "log of the router"
    for section in context.plugins("input", "tail"):
        entry = section.get("path")
        excluded = [p.strip() for p in text(section, "exclude_path").split(",")]
        for pattern in str(entry.value).split(",") if entry else ():
            for path, who in written.items():
                if entry and fnmatch.fnmatchcase(path, pattern.strip()) and path not in excluded:
                    message = f"this reads {path}, which the {who} writes: each record becomes another one"
                    yield Finding(message, entry.value_place, "leave it out with Exclude_Path")


RULES = [
    Rule(
        "PL215",
        "warning",
        "two tails with one DB",
        "The DB notes how far each file has been read. Two inputs with one DB undo each other's notes.",
        "Give each its own.",
        bad=TAIL + "[INPUT]\n    Name tail\n    Tag web\n    Path /var/log/web/*.log\n    DB «/var/lib/app.db»\n" + OUT,
        good=TAIL + "[INPUT]\n    Name tail\n    Tag web\n    Path /var/log/web/*.log\n    DB /var/lib/web.db\n" + OUT,
        find=shares_db,
    ),
    Rule(
        "PL216",
        "warning",
        "a tail that takes rotated files",
        "A pattern such as `*.log*` matches `app.log.1`, too. When a rotation renames a file, its lines are"
        " read again.",
        "Let the pattern end with `.log`, or name the others in `Exclude_Path`.",
        bad="[INPUT]\n    Name tail\n    Tag app\n    Path «/var/log/app/*.log*»\n" + OUT,
        good="[INPUT]\n    Name tail\n    Tag app\n    Path /var/log/app/*.log\n" + OUT,
        find=rotated,
    ),
    Rule(
        "PL217",
        "warning",
        "a tail that gives up at long lines",
        "A line that does not fit into `Buffer_Max_Size`, 32k if nothing is said, ends the reading of its file: all"
        " that is written to it later is lost, and one line of the router's log tells it.",
        "Set `Skip_Long_Lines On`, which leaves out only such lines, and a `Buffer_Max_Size` that fits yours.",
        bad=TAIL.replace("tail", "«tail»") + OUT,
        good=LONG + OUT,
        find=long_lines,
    ),
    Rule(
        "PL219",
        "warning",
        "lines of tail joined by a filter",
        "What a filter multiline joins is sent through all filters again, and waits in the memory of the filter. tail"
        " joins lines itself, and knows of which file each is and how far the file has been read.",
        "Remove the filter, and set `multiline.parser` of the input.",
        bad=LONG + "[FILTER]\n    Name «multiline»\n    Match app\n    multiline.key_content log\n"
        "    multiline.parser java\n" + OUT,
        good=LONG + "    multiline.parser java\n" + OUT,
        find=joined_late,
    ),
    Rule(
        "PL220",
        "warning",
        "a tail of what the router writes",
        "Each record that is written to the file is read again, becomes a record and is written to the file.",
        "Leave the file out with `Exclude_Path`, or write it elsewhere.",
        bad=LONG.replace("/var/log/app/*.log", "«/var/log/app/*.log»")
        + "[OUTPUT]\n    Name file\n    Match *\n    Path /var/log/app\n    File all.log\n",
        good=LONG + "[OUTPUT]\n    Name file\n    Match *\n    Path /var/log/all\n    File all.log\n",
        find=own_files,
    ),
    Rule(
        "PL246",
        "warning",
        "a tail without DB",
        "The DB notes how far each file has been read. Without it a router that starts again begins at the end of the"
        " files, and what was written meanwhile is lost; with `Read_from_Head On` it reads all of them once more.",
        "Set `DB`, to a path on a volume that outlives the router's container.",
        bad="[INPUT]\n    Name «tail»\n    Tag app\n    Path /var/log/app/*.log\n    Skip_Long_Lines On\n" + OUT,
        good=LONG + OUT,
        find=no_db,
    ),
]
