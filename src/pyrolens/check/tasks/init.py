"""Files that variables name for an init process: what AWS's makes of them.

Source: aws-for-fluent-bit, init/fluent_bit_init_process.go of 2.32 and 3.4. What is said of its behaviour is said
where its image is known by name; that of Pyrolens takes what these rules find.
"""

import posixpath
import re
from collections.abc import Iterator

from pyrolens.check import mends
from pyrolens.check.context import Context, InitFile, name, text
from pyrolens.check.images import CASELESS, aws_tag, by_aws_init, without_init
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import OUT
from pyrolens.check.tags import overlap
from pyrolens.check.tasks.example import FILE, task
from pyrolens.ecs.init_sources import SOURCE, sources, unused
from pyrolens.language.document import Section
from pyrolens.language.includes import is_yaml, looks_classic
from pyrolens.problems import Place

KNOWN_THERE = re.compile(r"aws_fluent_bit_init_(?:[sS]3|[fF]ile)")


def nobody_reads(context: Context) -> Iterator[Finding]:
    """Variables for an init process that is not in the image."""
    router = context.router
    if router is None or not without_init(router):
        return
    for source in sources(router.environment):
        message = f"nothing reads {source.variable}: the image '{router.image}' has no init process"
        hint = "take an image whose tag begins with init-" if aws_tag(router) else ""
        yield Finding(message, router.variable_places[source.variable], hint)


def misnamed(context: Context) -> Iterator[Finding]:
    """Variables that an init process does not know, or does not get."""
    router = context.router
    if router is None:
        return
    for variable, why in unused(router.environment):
        yield Finding(f"{variable} is not used: {why}", router.variable_places[variable])
    if by_aws_init(router) and not CASELESS.match(aws_tag(router) or ""):
        for source in sources(router.environment):
            if not KNOWN_THERE.search(source.variable):
                message = f"AWS's init process does not know {source.variable}"
                fixed = source.variable.lower()
                hint = f"write {fixed}" if KNOWN_THERE.search(fixed) else "it knows s3 and file"
                yield Finding(message, router.variable_places[source.variable], hint)
    for container in context.firelens:
        for variable, place in container.variable_places.items():
            if SOURCE.search(variable):
                message = f"{variable} is a variable of '{container.name}', and the router '{router.name}' reads it"
                yield Finding(message, place, "move it into the environment of the router")


def same_name(context: Context) -> Iterator[Finding]:
    """Objects that AWS's init process keeps under one name."""
    seen: dict[str, InitFile] = {}
    for file in context.init if by_aws_init(context.router) else ():
        if file.source.kind != "s3":
            continue
        base = posixpath.basename(file.source.value)
        other = seen.setdefault(base, file)
        if other is not file:
            message = f"this object is kept as {base}, as that of {other.source.variable}, which it overwrites"
            yield Finding(message, file.place, "give one of them another name")


def any_order(context: Context) -> Iterator[Finding]:
    """Filters for the same records in files whose order nobody decides."""
    if not by_aws_init(context.router):
        return
    before: list[tuple[InitFile, list[Section]]] = []
    for file in context.init:
        copy = re.compile(r"(?:\d+-)*" + re.escape(posixpath.basename(file.file)))
        known = context.document.of("filter") if file.file else []
        mine = [s for s in known if copy.fullmatch(posixpath.basename(s.place.file))]
        for other, theirs in before:
            if any(_order_matters(a, b) for a in mine for b in theirs):
                message = f"its filters and those of {other.source.variable} see the same records, in any order"
                yield Finding(message, file.place, "put them into one file")
                break
        before.append((file, mine))


UNCHANGED = {"grep", "stdout"}
"""Filters after which a record is what it was, or gone."""


def _order_matters(one: Section, other: Section) -> bool:
    both = {name(one), name(other)}
    return not both <= UNCHANGED and overlap(text(one, "match"), text(other, "match"))


PARSERS = re.compile(r"\[(?:MULTILINE_)?PARSER\]")
SECTIONS = re.compile(r"^\[(\w+)\]", re.MULTILINE)
STREAMS = re.compile(r"^\[STREAM_TASK\]", re.MULTILINE | re.IGNORECASE)


def mixed(context: Context) -> Iterator[Finding]:
    """Files with parsers, of which AWS's init process takes nothing but the parsers."""
    for file in context.init if by_aws_init(context.router) else ():
        found = PARSERS.search(file.text)
        others = [s for s in SECTIONS.findall(file.text) if s.upper() not in ("PARSER", "MULTILINE_PARSER")]
        if found and others and not is_yaml(file.file):
            message = f"a file with {found[0]} in it is read for parsers only: [{others[0]}] is lost"
            yield Finding(message, place_in(file, found), "put parsers into a file of their own")


def streams(context: Context) -> Iterator[Finding]:
    for file in context.init if by_aws_init(context.router) else ():
        if found := STREAMS.search(file.text):
            message = "AWS's init process includes this file, and an included [STREAM_TASK] counts for nothing"
            yield Finding(message, place_in(file, found), "name a file of the image by Streams_File of [SERVICE]")


def yaml(context: Context) -> Iterator[Finding]:
    """YAML that is included by the classic config of ECS."""
    router = context.router
    tag = aws_tag(router)
    if router is None or tag is None:
        return
    hint = "write it in the classic language"
    for file in context.init if by_aws_init(router) else ():
        if is_yaml(file.source.value) and not looks_classic(file.text):
            yield Finding(f"{file.source.value} is YAML, which no classic config can include", file.place, hint)
    option = router.firelens.options.get("config-file-value") if router.firelens else None
    if option and is_yaml(option.text):
        yield Finding(f"{option.text} is YAML, which no classic config can include", option.place, hint)


def place_in(file: InitFile, found: re.Match[str]) -> Place:
    line = file.text.count("\n", 0, found.start())
    column = found.start() - file.text.rfind("\n", 0, found.start())
    shown = file.text.split("\n")[line].rstrip("\r")
    return Place(file.file, line + 1, column, len(found[0]), shown)


AWS = ', "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:%s",\n   "environment": [\n    %s]'
S3 = '{"name": %s"aws_fluent_bit_init_s3_%d"%s, "value": "arn:aws:s3:::shop/%s"}'
ONE = AWS % ("init-3.4.10", S3 % ("", 1, "", "one.conf"))
NO_ADDRESS = (S3 % ("«", 1, "»", "one.conf")).replace("arn:aws:s3:::", "")
IN_CAPITALS = (S3 % ("«", 1, "»", "one.conf")).replace("aws_fluent_bit_init_s3_1", "AWS_FLUENT_BIT_INIT_S3_1")
TWO = ",\n    ".join((S3 % ("", 1, "", "one.conf"), S3 % ("«", 2, "»", "two.conf")))
FILTER = "[FILTER]\n    Name grep\n    Match *\n    Exclude log health\n"
RESERVED = "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser mine\n    Reserve_Data On\n"
MODIFY = "[FILTER]\n    Name modify\n    Match app-*\n    Rename log message\n"
PARSER = "[PARSER]\n    Name mine\n    Format json\n"


def unmarked(example: str) -> str:
    return example.replace("«", "").replace("»", "")


RULES = [
    Rule(
        "TD009",
        "warning",
        "a file that is not here",
        "The task definition names a file of the image, or an object in S3, and there is none of its name here. In the"
        " task it must be there, or the router does not start. Without it nothing is said about what is in it. So it is"
        " with containers of which only Terraform knows where they come from.",
        "Say which local file it is: `--file /extra.conf=./my.conf`, `--file arn:aws:s3:::bucket/key=./my.conf`.",
        bad=task(firelens=FILE % '«"/extra.conf"»'),
        good=task(firelens=FILE % '"/extra.conf"') + "==> extra.conf <==\n" + OUT,
        told=("not-here", "task-definition"),
        says="known|may be any",
    ),
    Rule(
        "TD038",
        "error",
        "variables for an init process that is not there",
        "Of AWS's images only those whose tag begins with init- have an init process. In others the variables count for"
        " nothing, and the files that they name are not read.",
        "Take an image with an init process, such as init-3.4.10, or Pyrolens.",
        bad=task(router=AWS % ("3.4.10", S3 % ("«", 1, "»", "one.conf"))) + "==> one.conf <==\n" + FILTER,
        good=task(router=ONE) + "==> one.conf <==\n" + FILTER,
        find=nobody_reads,
    ),
    Rule(
        "TD039",
        "error",
        "a variable that an init process does not know",
        "The names of its variables are aws_fluent_bit_init_s3_1, aws_fluent_bit_init_file_1 and so on, in AWS's"
        " image in lower case only, and they belong to the container of the router.",
        "Write the name so, and set it there.",
        bad=task(router=AWS % ("init-3.4.10", IN_CAPITALS)) + "==> one.conf <==\n" + FILTER,
        good=task(router=ONE) + "==> one.conf <==\n" + FILTER,
        find=misnamed,
        mend=mends.init_variable,
    ),
    Rule(
        "TD040",
        "error",
        "two objects of one name",
        "AWS's init process keeps what it fetches by the last part of the key. Two objects of one name overwrite each"
        " other, and the file that is left is included twice, which stops the start.",
        "Give one of them another name.",
        bad=task(router=AWS % ("init-3.4.10", TWO.replace("shop/two.conf", "shop/other/one.conf")))
        + "==> one.conf <==\n"
        + FILTER,
        good=task(router=AWS % ("init-3.4.10", unmarked(TWO)))
        + "==> one.conf <==\n"
        + FILTER
        + "==> two.conf <==\n"
        + OUT,
        find=same_name,
    ),
    Rule(
        "TD041",
        "warning",
        "filters in an order by chance",
        "AWS's init process includes the files in the order of the container's environment, which is not that of their"
        " numbers and may differ from start to start. Filters do their work in the order in which they stand.",
        "Put filters for the same records into one file.",
        bad=task(router=AWS % ("init-3.4.10", TWO)) + "==> one.conf <==\n" + FILTER + "==> two.conf <==\n" + MODIFY,
        good=task(router=AWS % ("init-3.4.10", unmarked(TWO)))
        + "==> one.conf <==\n"
        + FILTER
        + "==> two.conf <==\n"
        + OUT,
        find=any_order,
    ),
    Rule(
        "TD042",
        "error",
        "parsers and other sections in one file",
        "AWS's init process takes each file in which [PARSER] or [MULTILINE_PARSER] stands, be it in a comment, for a"
        " file of parsers. Its other sections are not read, and nothing says so.",
        "Put the parsers into a file of their own.",
        bad=task(router=ONE) + "==> one.conf <==\n" + RESERVED + "«[PARSER]»" + PARSER.removeprefix("[PARSER]"),
        good=task(router=AWS % ("init-3.4.10", unmarked(TWO)))
        + "==> one.conf <==\n"
        + RESERVED
        + "==> two.conf <==\n"
        + PARSER,
        find=mixed,
    ),
    Rule(
        "TD043",
        "error",
        "stream tasks in an included file",
        "AWS's init process includes the file in the main config, where Fluent Bit does not look at [STREAM_TASK].",
        "Put the stream tasks into a file of the image, and name it by `Streams_File` of [SERVICE].",
        bad=task(router=ONE)
        + "==> one.conf <==\n«[STREAM_TASK]»\n    Name errors\n"
        + "    Exec CREATE STREAM errors WITH (tag='errors') AS SELECT * FROM TAG:'app-*';\n",
        good=task(router=ONE) + "==> one.conf <==\n" + FILTER,
        find=streams,
    ),
    Rule(
        "TD068",
        "error",
        "a variable of an init process that names nothing",
        "Each variable names a file: the ARN of an object in S3 or a path in the image, and for Pyrolens also s3://,"
        " ssm:, env: and https:// addresses. With anything else the router does not start.",
        "Write the address in full.",
        bad=task(router=AWS % ("init-3.4.10", NO_ADDRESS)),
        good=task(router=ONE) + "==> one.conf <==\n" + FILTER,
        told=("init",),
    ),
    Rule(
        "TD044",
        "error",
        "YAML in a classic config",
        "The config that ECS and the init process write is classic, and Fluent Bit reads what it includes as classic,"
        " too: YAML stops its start. Pyrolens takes both.",
        "Write the file in the classic language.",
        bad=task(router=AWS % ("init-3.4.10", S3 % ("«", 1, "»", "one.yaml")))
        + '==> one.yaml <==\npipeline:\n  outputs:\n    - name: stdout\n      match: "*"\n',
        good=task(router=ONE) + "==> one.conf <==\n" + OUT,
        find=yaml,
    ),
]
