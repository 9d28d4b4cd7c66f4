"""What a start of the router says of streams, routes, processors, metrics and files, and of configs for Fluentd."""

from pyrolens.check.rule import Rule
from pyrolens.check.structure import IN, OUT
from pyrolens.check.tasks.example import FILE, task

STREAM = "    Name errors\n    Exec CREATE STREAM errors WITH (tag='errors') AS SELECT * FROM TAG:'app';\n"
STREAMS = "[SERVICE]\n    Streams_File streams.conf\n" + IN + OUT + "==> streams.conf <==\n[STREAM_TASK]\n" + STREAM
PARSERS = "[SERVICE]\n    Parsers_File own.conf\n" + IN + OUT + "==> own.conf <==\n"
PARSER = "[PARSER]\n    Name own\n    Format json\n"
MULTILINE = '[MULTILINE_PARSER]\n    Name own\n    Type regex\n    Rule "start_state" "/^a/" "more"\n'
MULTILINE += '    Rule "more" "/^ /" "more"\n'
DUMMY = "pipeline:\n  inputs:\n    - name: dummy\n      tag: app\n"
OUTPUT = "  outputs:\n    - name: stdout\n      match: '*'\n"
ROUTED = DUMMY + "      routes:\n        logs:\n          - name: all\n            condition: {default: true}\n"
OTHER = "    - name: 'null'\n      alias: none\n      match: '*'\n"
METRICS = "[INPUT]\n    Name fluentbit_metrics\n    Tag metrics\n"
EXPORTER = "[OUTPUT]\n    Name prometheus_exporter\n    Match metrics\n    Host 127.0.0.1\n"
GREP = "[FILTER]\n    Name record_modifier\n    Match *\n    Record a b\n"
LEVEL = "==> extra.conf <==\n[SERVICE]\n    «Log_Level» warn\n" + OUT
SOURCE = "<source>\n  @type forward\n</source>\n"
LABELLED = "<source>\n  @type forward\n  @label %s\n</source>\n"
LABELLED += "<label @APP>\n  <match **>\n    @type stdout\n  </match>\n</label>\n"
RULES = [
    Rule(
        "CF150",
        "warning",
        "a stream task that does not do what it says",
        "A stream task with a mistake does not run, and the router starts without it: what it should make is missing."
        " Stream tasks count in the file that Streams_File names, not in the main config.",
        "Mend the query, or name the file by `Streams_File` of [SERVICE].",
        bad=IN + OUT + "«[STREAM_TASK]»\n" + STREAM,
        good=STREAMS,
        told=("stream-task",),
    ),
    Rule(
        "CF151",
        "error",
        "two parsers of one name",
        "Parsers are known by their names, and a second one of a name stops the start.",
        "Give each a name of its own, or remove one.",
        bad=PARSERS + PARSER + PARSER.replace("[PARSER]", "«[PARSER]»"),
        good=PARSERS + PARSER,
        told=("duplicate-parser",),
        says="the first is at",
    ),
    Rule(
        "CF152",
        "warning",
        "two multiline parsers of one name",
        "Of multiline parsers of one name the first counts, and the others are ignored.",
        "Give each a name of its own, or remove one.",
        bad=PARSERS + MULTILINE + MULTILINE.replace("[MULTILINE_PARSER]", "«[MULTILINE_PARSER]»"),
        good=PARSERS + MULTILINE,
        told=("duplicate-parser",),
        says="the first counts",
    ),
    Rule(
        "CF153",
        "error",
        "a file of the config that is not there",
        "A Parsers_File, a Plugins_File or a library that cannot be read stops the start.",
        "Mend the path. A relative one counts from the folder of the main config.",
        bad="[SERVICE]\n    Plugins_File «plugins.conf»\n" + IN + OUT,
        good=PARSERS + PARSER,
        told=("no-parsers-file", "no-plugins-file", "no-library"),
    ),
    Rule(
        "CF154",
        "warning",
        "a plugin for Fluent Bit that is a library",
        "Plugins_File and -e name libraries for Fluent Bit, which do not run in Pyrolens. A plugin that is built in"
        " under the same name is used instead; without one the router does not start.",
        "Remove it.",
        bad="[SERVICE]\n    Plugins_File plugins.conf\n"
        + IN
        + OUT
        + "==> plugins.conf <==\n[PLUGINS]\n    Path «./own.so»\n==> own.so <==\n\x7fELF\n",
        good=IN + OUT,
        told=("library",),
    ),
    Rule(
        "CF155",
        "error",
        "a route or a condition that is none",
        "Routes of an input have a name, outputs and perhaps a condition with rules. With anything else the router does"
        " not start.",
        "Write it as the configuration's reference shows it.",
        bad=ROUTED.replace("- name: all", "- «name: all»") + OUTPUT + OTHER,
        good=ROUTED + "            to: {outputs: [stdout.0]}\n" + OUTPUT + OTHER,
        told=("bad-route", "bad-condition"),
    ),
    Rule(
        "CF156",
        "warning",
        "a route that leads nowhere",
        "A route names outputs by their alias, or by plugin and number such as stdout.0. To a name that there is not"
        " nothing goes.",
        "Write the name of an output.",
        bad=ROUTED.replace("- name: all", "- «name: all»") + "            to: {outputs: [stdot.0]}\n" + OUTPUT + OTHER,
        good=ROUTED + "            to: {outputs: [stdout.0]}\n" + OUTPUT + OTHER,
        told=("no-output",),
        says="^routes",
    ),
    Rule(
        "CF157",
        "warning",
        "a processor of other data, which has no effect",
        "Processors of logs stand below logs, and those of metrics below metrics. Of others some do nothing.",
        "Write it where it belongs.",
        bad=DUMMY + "      processors:\n        metrics:\n          - «name: content_modifier»\n"
        "            action: upsert\n            key: a\n            value: b\n" + OUTPUT,
        good=DUMMY + "      processors:\n        logs:\n          - name: content_modifier\n"
        "            action: upsert\n            key: a\n            value: b\n" + OUTPUT,
        told=("bad-processor",),
        says="no effect",
    ),
    Rule(
        "CF158",
        "error",
        "a processor of other data",
        "Processors of logs stand below logs, and those of metrics below metrics. Others stop the start.",
        "Write it where it belongs.",
        bad=DUMMY + "      processors:\n        metrics:\n          - «name: grep»\n            regex: a b\n" + OUTPUT,
        good=DUMMY + OUTPUT,
        told=("bad-processor",),
        says="^(?!.*no effect)",
    ),
    Rule(
        "CF159",
        "warning",
        "a log level that the environment overrules",
        "FLB_LOG_LEVEL in the router's environment counts instead of Log_Level.",
        "Remove one of them.",
        bad=task(
            firelens=FILE % '"/extra.conf"', router=', "environment": [{"name": "FLB_LOG_LEVEL", "value": "info"}]'
        )
        + LEVEL,
        good=task(firelens=FILE % '"/extra.conf"') + LEVEL.replace("«", "").replace("»", ""),
        told=("log-level-from-env",),
    ),
    Rule(
        "CF160",
        "warning",
        "metrics that no output takes",
        "Inputs such as fluentbit_metrics make metrics, and not every output takes them. An output that takes logs only"
        " gets nothing of them, and one that takes metrics only gets nothing else.",
        "Send metrics to an output that takes them, such as prometheus_exporter, and narrow the Match of the others.",
        bad=METRICS.replace("[INPUT]", "«[INPUT]»")
        + IN
        + "[OUTPUT]\n    Name http\n    Match app\n    Host 127.0.0.1\n",
        good=METRICS + EXPORTER,
        told=("metrics-lost", "metrics-not-taken", "no-metrics"),
    ),
    Rule(
        "CF161",
        "warning",
        "a variable that is not looked for",
        "Variables are looked for up to the first } of a value. A } in front of them ends that.",
        "Write the variable before the }.",
        bad=IN + OUT + "[FILTER]\n    Name record_modifier\n    Match *\n    Record «a }${HOSTNAME}»\n",
        good=IN + OUT + "[FILTER]\n    Name record_modifier\n    Match *\n    Record a ${HOSTNAME}}\n",
        told=("variable-stuck",),
    ),
    Rule(
        "CF162",
        "warning",
        "a command that there is not",
        "A line that begins with @ is a command: @SET name=value or @INCLUDE path. Others do nothing.",
        "Write one of the two.",
        bad="«@DEFINE a=b»\n" + IN + OUT,
        good="@SET a=b\n" + IN + OUT,
        told=("unknown-command",),
    ),
    Rule(
        "CF163",
        "warning",
        "a filter that is switched off",
        "With `Active false` a filter does nothing.",
        "Remove Active, or the filter.",
        bad=IN + GREP.replace("[FILTER]", "«[FILTER]»") + "    Active false\n" + OUT,
        good=IN + GREP + OUT,
        told=("inactive",),
    ),
    Rule(
        "CF170",
        "error",
        "a label or a section that Fluentd's config lacks",
        "Events that are sent to a label need a `<label>` of that name, and some plugins need sections below them."
        " Without them the router does not start.",
        "Add the label or the section, or spell it as it is.",
        bad=LABELLED % "«@AP»",
        good=LABELLED % "@APP",
        told=("no-label", "missing-section"),
    ),
    Rule(
        "CF171",
        "warning",
        "a match or a label to which nothing comes",
        "In Fluentd's language an event goes to the first match that takes its tag, and into a label only if something"
        " sends it there.",
        "Move the match up, or remove what nothing comes to.",
        bad=SOURCE + "<match **>\n  @type stdout\n</match>\n«<match app.**>»\n  @type null\n</match>\n",
        good=SOURCE + "<match app.**>\n  @type null\n</match>\n<match **>\n  @type stdout\n</match>\n",
        told=("unreachable", "unused-label"),
    ),
]
