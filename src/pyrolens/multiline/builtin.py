"""The multiline parsers that are always there, for what containers and languages print.

Source: src/multiline/flb_ml_parser_*.c (Fluent Bit 5.1.1); the rules of the languages go back to Fluentd's
detect_exceptions.
"""

from pyrolens.multiline import MultilineParser, rule

JAVA_RULES = [
    (
        "start_state, java_start_exception",
        r".(?:Exception|Error|Throwable|V8 errors stack trace)[:\r\n]",
        "java_after_exception",
    ),
    ("java_after_exception", r"^[\t ]*nested exception is:", "java_start_exception"),
    ("java_after_exception", r"^[\r\n]*$", "java_after_exception"),
    ("java_after_exception, java", r"^[\t ]+(?:eval )?at ", "java"),
    # the ends of inner and of asynchronous traces in C#
    ("java_after_exception, java", r"^[\t ]+--- End of inner exception stack trace ---$", "java"),
    (
        "java_after_exception, java",
        r"^--- End of stack trace from previous location where exception was thrown ---$",
        "java",
    ),
    ("java_after_exception, java", r"^[\t ]*(?:Caused by|Suppressed):", "java_after_exception"),
    ("java_after_exception, java", r"^[\t ]*... \d+ (?:more|common frames omitted)", "java"),
]
GO_RULES = [
    ("start_state", r"\bpanic: ", "go_after_panic"),
    ("start_state", r"http: panic serving", "go_goroutine"),
    ("go_after_panic, go_after_signal, go_frame_1", r"^$", "go_goroutine"),
    ("go_after_panic", r"^\[signal ", "go_after_signal"),
    ("go_goroutine", r"^goroutine \d+ \[[^\]]+\]:$", "go_frame_1"),
    ("go_frame_1", r"^(?:[^\s.:]+\.)*[^\s.():]+\(|^created by ", "go_frame_2"),
    ("go_frame_2", r"^\s", "go_frame_1"),
]
RUBY_RULES = [
    ("start_state, ruby_start_exception", r"^.+:\d+:in\s+", "ruby_after_exception"),
    ("ruby_after_exception, ruby", r"^\s+from\s+.*:\d+:in\s+", "ruby"),
]
PYTHON_RULES = [
    ("start_state", r"^Traceback \(most recent call last\):$", "python"),
    ("python", r"^[\t ]+File ", "python_code"),
    ("python_code", r"[^\t ]", "python"),
    ("python", r"^(?:[^\s.():]+\.)*[^\s.():]+:", "start_state"),
]


def by_rules(name: str, rules: list[tuple[str, str, str]]) -> MultilineParser:
    return MultilineParser(name=name, type="regex", rules=tuple(rule(*each) for each in rules))


BUILTIN = {
    parser.name: parser
    for parser in (
        # the json-file driver of Docker: a line without a line feed at its end is a part
        MultilineParser(
            name="docker",
            type="endswith",
            match_string="\n",
            key_content="log",
            key_group="stream",
            parser="_ml_json_docker",
        ),
        # containerd and CRI-O: P is a part, F the last one
        MultilineParser(
            name="cri",
            type="equal",
            match_string="F",
            key_content="log",
            key_group="stream",
            key_pattern="_p",
            parser="_ml_cri",
        ),
        by_rules("java", JAVA_RULES),
        by_rules("go", GO_RULES),
        by_rules("ruby", RUBY_RULES),
        by_rules("python", PYTHON_RULES),
    )
}
