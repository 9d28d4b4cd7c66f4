"""Options and values: what a start of the router says of them and no other rule tells."""

from pyrolens.check import mends
from pyrolens.check.rule import Rule
from pyrolens.check.structure import IN, OUT

PARSER = "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser json\n    Reserve_Data On\n"
RULES = [
    Rule(
        "CF135",
        "warning",
        "an option twice, of which one counts",
        "One of them does nothing. Of options of the core, such as Match, the last one counts, in a parser the first.",
        "Keep one of them.",
        bad=IN + OUT + "    «Match» app\n",
        good=IN + OUT,
        told=("given-twice",),
        says="one counts",
        mend=mends.same_again,
    ),
    Rule(
        "CF136",
        "error",
        "an option twice",
        "An option of a plugin that may be there once only, and is there twice, stops the start.",
        "Keep one of them.",
        bad=IN + OUT + "    Format json\n    «Format» msgpack\n",
        good=IN + OUT + "    Format json\n",
        told=("given-twice",),
        mend=mends.same_again,
    ),
    Rule(
        "CF137",
        "error",
        "an option that is missing",
        "Without an option that must be given the router does not start.",
        "Add it: `pyrolens plugins NAME` shows what it is.",
        bad=IN
        + "«[OUTPUT]»\n    Name cloudwatch_logs\n    Match *\n    log_stream_prefix app-\n    region us-east-1\n",
        good=IN + "[OUTPUT]\n    Name cloudwatch_logs\n    Match *\n    log_stream_prefix app-\n    region us-east-1\n"
        "    log_group_name /app\n",
        told=("missing-option",),
        mend=mends.colon_of_name,
    ),
    Rule(
        "CF138",
        "error",
        "an option that is not taken",
        "An option of Fluent Bit that Pyrolens cannot do, and that changes too much to be left out. The message says"
        " what to do instead.",
        "Do as the message says.",
        bad=IN + PARSER + "    «Unescape_Key» On\n" + OUT,
        good=IN + PARSER + OUT,
        told=("refused-option", "refused-section"),
    ),
    Rule(
        "CF139",
        "warning",
        "an option without effect",
        "The router takes the option, so that a config for Fluent Bit starts, but does nothing: the message says why.",
        "Remove it, or do as the message says.",
        bad=IN + "[OUTPUT]\n    Name stdout\n    Match *\n    «storage.total_limit_size» 5M\n",
        good=IN + OUT,
        told=("option-ignored",),
    ),
    Rule(
        "CF140",
        "warning",
        "a value that counts as another one",
        "Fluent Bit reads numbers, sizes and switches as far as it can, and takes the rest for nothing. So does"
        " Pyrolens, and says what the value means.",
        "Write the value that is meant.",
        bad="[SERVICE]\n    Grace «30 seconds»\n" + IN + OUT,
        good="[SERVICE]\n    Grace 30\n" + IN + OUT,
        told=("odd-value", "empty-value", "left-out"),
    ),
    Rule(
        "CF141",
        "warning",
        "text that belongs to a value",
        "A comment has a line of its own, and no = stands between a key and its value: what looks like a comment or a"
        " separator is a part of the value.",
        "Move the comment to a line of its own; remove the =.",
        bad=IN + "[OUTPUT]\n    Name stdout\n    Match * «# all of them»\n",
        good=IN + "[OUTPUT]\n    Name stdout\n    # all of them\n    Match *\n",
        told=("comment-in-value", "equals-in-value", "blanks-kept", "ignored-text"),
        mend=mends.equals_sign,
    ),
    Rule(
        "CF142",
        "error",
        "a value that an option does not take",
        "With a value that it does not take the router does not start.",
        "Write one of those that the message names.",
        bad=IN + "[FILTER]\n    Name multiline\n    Match *\n    Mode «parts»\n    multiline.key_content log\n" + OUT,
        good=IN
        + "[FILTER]\n    Name multiline\n    Match *\n    Mode partial_message\n    multiline.key_content log\n"
        + OUT,
        told=("bad-value", "bad-plugin"),
        mend=mends.choice,
    ),
]
