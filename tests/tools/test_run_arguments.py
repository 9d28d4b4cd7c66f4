"""The command line of Fluent Bit 5.1.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.problems import Problems
from pyrolens.tools.run_arguments import RunArguments, read_arguments


def read(*argv: str) -> tuple[RunArguments, Problems]:
    problems = Problems()
    return read_arguments(argv, problems), problems


def sections(*argv: str) -> list[tuple[str, list[tuple[str, object]]]]:
    args, problems = read(*argv)
    assert not problems.errors
    return [(s.kind, [(e.key, e.value) for e in s.entries]) for s in args.sections]


PIPELINE = [
    ("service", [("flush", "0.2")]),
    ("input", [("name", "dummy"), ("samples", "1"), ("tag", "box")]),
    ("filter", [("name", "grep"), ("regex", "a =b"), ("match", "b*")]),
    ("output", [("name", "null"), ("match", "*")]),
]


@pytest.mark.parametrize(
    "argv",
    [
        "-i dummy -p samples=1 -t box -F grep -p regex=a§=b -m b* -o null -m * -f 0.2",
        "-idummy -psamples=1 -tbox -Fgrep -pregex=a§=b -mb* -onull -m* -f0.2",
        "--input dummy --prop samples=1 --tag=box --filter grep --prop=regex=a§=b --match b* --output null --match=*"
        " --flush=0.2",
        "--inp dummy -p samples§=§1 -t box -F grep -p regex=a§=b -m b* -o null -m * --flu 0.2",
    ],
)
def test_plugins_and_their_options(argv: str) -> None:
    assert sections(*(w.replace("§", " ") for w in argv.split())) == PIPELINE


def test_stream_tasks() -> None:
    assert sections("-T", "SELECT a FROM TAG:'b';", "--sp-task=x") == [
        ("service", []),
        ("stream_task", [("name", "flb-console:0"), ("exec", "SELECT a FROM TAG:'b';")]),
        ("stream_task", [("name", "flb-console:1"), ("exec", "x")]),
    ]


def test_service() -> None:
    argv = "-b /st -l /log -H -L 1.2.3.4 -P 80 -s 70000 -R a -R b -Y -f 0 -f 1"
    assert sections(*argv.split()) == [
        (
            "service",
            [
                ("storage.path", "/st"),
                ("log_file", "/log"),
                ("http_server", "on"),
                ("http_listen", "1.2.3.4"),
                ("http_port", "80"),
                ("coro_stack_size", "70000"),
                ("parsers_file", "a"),
                ("parsers_file", "b"),
                ("hot_reload", "on"),
                ("flush", "0"),
                ("flush", "1"),
            ],
        )
    ]


@pytest.mark.parametrize(
    ("argv", "level"), [("-v", "debug"), ("-vv", "trace"), ("-v -v", "trace"), ("-q", "off"), ("-v -q", "off")]
)
def test_log_level(argv: str, level: str) -> None:
    assert sections(*argv.split()) == [("service", [("log_level", level)])]


def test_what_is_not_for_the_config() -> None:
    args, _ = read("-c", "a.conf", "-w", "/tmp", "-e", "x.so", "-c", "b.conf", "-R", "p.conf")
    assert (args.config, args.workdir) == ("b.conf", "/tmp")
    assert [path for path, _ in args.libraries] == ["x.so"]
    assert [path for path, _ in args.parsers_files] == ["p.conf"]


@pytest.mark.parametrize(
    ("argv", "action"),
    [
        ("", "run"),
        ("-D", "dry-run"),
        ("--dry-run -i dummy", "dry-run"),
        ("-V", "version"),
        ("-i dummy --version", "version"),
        ("-h", "help"),
        ("-J", "help"),
        ("-S -i dummy", "sosreport"),
    ],
)
def test_actions(argv: str, action: str) -> None:
    assert read(*argv.split())[0].action == action


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("a.conf", "command line: 'a.conf' belongs to no option: it is ignored"),
        ("-p a=b", "command line: -p a=b: it follows no plugin, so it is ignored"),
        ("-i dummy -p a", "command line: -p a: it names no value, so it is ignored"),
        ("-i dummy -m x", "command line: -m x has no effect here"),
        ("-t x", "command line: -t x has no effect here"),
        ("-d", "-d has no effect: the router stays in the foreground"),
        ("--supervisor", "--supervisor has no effect: what runs the container watches over it"),
    ],
)
def test_what_is_ignored_is_said(argv: str, message: str) -> None:
    _, problems = read(*argv.split())
    assert [(p.severity, p.message) for p in problems] == [("warning", message)]


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        ("-x", "command line: option -x not recognized", "see pyrolens run --help"),
        ("--colour=blue", "command line: option --colour not recognized", "see pyrolens run --help"),
        ("--mach=*", "command line: option --mach not recognized", "did you mean '--match'?"),
        ("-i", "command line: option -i requires argument", "see pyrolens run --help"),
    ],
)
def test_mistakes(argv: str, message: str, hint: str) -> None:
    _, problems = read(*argv.split())
    assert [(p.severity, p.message, p.hint) for p in problems] == [("error", message, hint)]


def test_secrets_are_not_kept_for_messages() -> None:
    args, _ = read("-o", "http", "-p", "http_passwd=hunter2")
    assert "hunter2" not in str([e.place for s in args.sections for e in s.entries])


def test_processors_take_no_options() -> None:
    assert sections("-r", "sql", "-p", "a=b", "-i", "dummy") == [("service", []), ("input", [("name", "dummy")])]


@given(st.lists(st.one_of(st.sampled_from(["-i", "-p", "a=b", "-o", "--", "-", "--prop", "-D"]), st.text(max_size=4))))
def test_any_command_line_is_read_or_refused(argv: list[str]) -> None:
    read(*argv)


def test_an_empty_tag_is_a_mistake() -> None:
    problems = Problems()
    read_arguments(["-i", "dummy", "-t", "", "-o", "null"], problems)
    assert [p.message for p in problems.errors] == ["command line: -t is empty"]
