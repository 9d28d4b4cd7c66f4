"""Log configurations: what the agent makes outputs of."""

from pyrolens.check import mends
from pyrolens.check.rule import Rule
from pyrolens.check.tasks.example import task

RULES = [
    Rule(
        "TD013",
        "error",
        "log options without the name of an output",
        "The ECS agent makes an output of the log options. Without `Name` (for fluentd: `@type`), in exactly that case,"
        " the task does not start.",
        'Add "Name", or leave out all options and write the output into the extra config file.',
        bad=task('{"logDriver": "awsfirelens", "options": {«"name"»: "stdout", "Format": "json"}}'),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", "Format": "json"}}'),
        told=("no-output-name",),
        says="^(?!.*of the type)",
        mend=mends.capital_name,
    ),
    Rule(
        "TD014",
        "error",
        "log options for the other kind of router",
        "The output is named by `Name` in Fluent Bit and by `@type` in Fluentd. With the one of the other kind the task"
        " does not start.",
        "Write the options for the router that the task has.",
        bad=task('{"logDriver": "awsfirelens", "options": {«"@type"»: "stdout", "Format": "json"}}'),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", "Format": "json"}}'),
        told=("no-output-name",),
        says="of the type",
    ),
    Rule(
        "TD015",
        "warning",
        "a Match of your own in the log options",
        "ECS writes the Match of this output itself, so there are two of them.",
        "Remove it; routes of your own go into an extra config file.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "null", «"Match"»: "*"}}'),
        good=task(),
        told=("own-match",),
    ),
    Rule(
        "TD016",
        "error",
        "a log option that no config can hold",
        "The options become lines of the router's config. An empty value or a line break makes other lines of them, and"
        " what follows a blank in the name of an option becomes a part of its value.",
        "Write the name without blanks, and give it a value on one line, or remove the option.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", "Format": «""»}}'),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", "Format": "json"}}'),
        told=("empty-option", "line-break", "blank-in-option"),
    ),
    Rule(
        "TD026",
        "error",
        "a log-driver-buffer-limit that is none",
        "It is a number of log lines, for the log driver awsfirelens only. ECS refuses anything else.",
        "Write a whole number below 536870912.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "null", "log-driver-buffer-limit": «"2MB"»}}'),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "null", "log-driver-buffer-limit": "2000"}}'),
        told=("buffer-limit",),
    ),
    Rule(
        "CF110",
        "warning",
        "a variable that nothing sets",
        "A variable that is neither in the environment of the router nor one of its secrets becomes nothing,"
        " and the option"
        " with it.",
        "Set it in the environment of the router's container, not of the application's.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "datadog", «"apikey"»: "a${KEY}"}}'),
        good=task(
            '{"logDriver": "awsfirelens", "options": {"Name": "datadog", "apikey": "a${KEY}"}}',
            router=',\n   "secrets": [{"name": "KEY", "valueFrom": "key"}]',
        ),
        told=("variable-unset",),
    ),
]
