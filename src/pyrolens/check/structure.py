"""How a config is written: what a start of the router says of it, and what it says nothing of."""

from collections.abc import Iterator

from pyrolens.check import mends
from pyrolens.check.context import Context
from pyrolens.check.rule import Finding, Rule

IN, OUT = "[INPUT]\n    Name dummy\n    Tag app\n", "[OUTPUT]\n    Name stdout\n    Match *\n"


def talks_much(context: Context) -> Iterator[Finding]:
    for section in context.document.of("service"):
        entry = section.get("log_level")
        if entry and str(entry.value).lower() in ("debug", "trace"):
            message = f"Log_Level {entry.value} writes lines for each batch, which are stored and paid for"
            yield Finding(message, entry.value_place, "set info, or remove it")


RULES = [
    Rule(
        "CF101",
        "error",
        "a section that there is not",
        "A section with an unknown name is ignored, with all that stands in it: an output that is spelt wrong sends"
        " nothing.",
        "Spell it as one of SERVICE, INPUT, FILTER, OUTPUT, PARSER, MULTILINE_PARSER or STREAM_TASK.",
        bad=IN + OUT + "«[OUTPT]»\n    Name null\n    Match app\n",
        good=IN + OUT,
        told=("unknown-section",),
        mend=mends.section_name,
    ),
    Rule(
        "CF102",
        "error",
        "a parser in the main config",
        "In the classic language, parsers stand in files of their own. In the main config, or in what it includes, they"
        " stop the start.",
        "Move the section into a file that `Parsers_File` of [SERVICE] names; or use YAML, where parsers may"
        " stand in the"
        " main file.",
        bad=IN + OUT + "«[PARSER]»\n    Name mine\n    Format json\n",
        good="[SERVICE]\n    Parsers_File parsers.conf\n" + IN + OUT,
        told=("parser-in-main-file",),
    ),
    Rule(
        "CF104",
        "error",
        "an option that the plugin does not have",
        "An unknown option stops the start, so that a task with it never gets to run.",
        "Spell it as in the reference of the plugin: `pyrolens plugins NAME`.",
        bad=IN + "[OUTPUT]\n    Name stdout\n    Match *\n    «Formt» json\n",
        good=IN + "[OUTPUT]\n    Name stdout\n    Match *\n    Format json\n",
        told=("unknown-option",),
        says=r"^(?!\[SERVICE\])",
        mend=mends.option_name,
    ),
    Rule(
        "CF105",
        "warning",
        "an option that [SERVICE] does not have",
        "An unknown option of [SERVICE] is ignored, and what it was meant for does not happen.",
        "Spell it as in the reference: `docs/plugins/service.md`.",
        bad="[SERVICE]\n    «Flsh» 1\n" + IN + OUT,
        good="[SERVICE]\n    Flush 1\n" + IN + OUT,
        told=("unknown-option",),
        says=r"^\[SERVICE\]",
        mend=mends.service_name,
    ),
    Rule(
        "CF106",
        "warning",
        "an option of [SERVICE] twice",
        "Sections named [SERVICE] become one. Of an option that is there twice the last one counts, which in a config"
        " of several files is whichever happens to be included last.",
        "Keep the option in one of them.",
        bad="[SERVICE]\n    Flush 1\n" + IN + OUT + "[SERVICE]\n    «Flush» 5\n",
        good="[SERVICE]\n    Flush 5\n" + IN + OUT,
        told=("given-twice",),
        says=r"^\[SERVICE\]",
    ),
    Rule(
        "CF107",
        "error",
        "what is no config",
        "A line that cannot be read stops the start.",
        "Indent all entries of a section by the same number of blanks, and give each key a value.",
        bad=IN + "«[OUTPUT»\n    Name stdout\n    Match *\n",
        good=IN + OUT,
        told=("syntax", "unexpected", "yaml-syntax", "yaml-shape", "not-classic", "not-yaml"),
        mend=mends.line_of_config,
    ),
    Rule(
        "CF108",
        "error",
        "an included file that is not there",
        "A config that includes a file which is not there does not start.",
        "Copy the file into the router's image, or mend the path. A file that is elsewhere here:"
        " `--file PATH=LOCAL_FILE`.",
        bad="«@INCLUDE other.conf»\n" + IN + OUT,
        good=IN + OUT,
        told=("include", "no-file"),
    ),
    Rule(
        "CF109",
        "error",
        "a plugin that there is not",
        "A config that names an unknown plugin does not start.",
        "Spell it as `pyrolens plugins` lists it.",
        bad=IN + "[OUTPUT]\n    Name «stdot»\n    Match *\n",
        good=IN + OUT,
        told=("unknown-plugin",),
        mend=mends.plugin_name,
    ),
    Rule(
        "CF126",
        "error",
        "a pattern that is none",
        "A regular expression that does not compile stops the start.",
        "Write it in the syntax of Ruby; a `*` that is meant literally is `\\*`.",
        bad=IN + "[FILTER]\n    Name grep\n    Match *\n    Regex «log *failure*»\n" + OUT,
        good=IN + "[FILTER]\n    Name grep\n    Match *\n    Regex log failure\n" + OUT,
        told=("bad-value", "bad-regex", "bad-plugin"),
        says="does not compile",
    ),
    Rule(
        "CF134",
        "warning",
        "a pattern that can take very long",
        "On a text made for that, or by bad luck, such a pattern takes minutes for one record. Here it is"
        " stopped, and the"
        " record counts as not matching.",
        "Say what each part holds, such as `[^ ]*` instead of `.*`, or begin with `^`.",
        bad=IN + "[FILTER]\n    Name grep\n    Match *\n    Regex log «^(a+)+$»\n" + OUT,
        good=IN + "[FILTER]\n    Name grep\n    Match *\n    Regex log ^a+$\n" + OUT,
        told=("slow-pattern",),
    ),
    Rule(
        "CF131",
        "warning",
        "a log that tells everything",
        "With `Log_Level debug` or `trace` the router writes lines for each batch and each call, in a task to the log"
        " group of the router. That helps for an hour, and costs every day.",
        "Set `Log_Level info`, or remove it.",
        bad="[SERVICE]\n    Log_Level «debug»\n" + IN + OUT,
        good="[SERVICE]\n    Log_Level info\n" + IN + OUT,
        find=talks_much,
    ),
]
