"""Labels, the order of filters and matches, and settings: what becomes of the config as a whole."""

import asyncio
from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.delivery.receipt import Receipt
from pyrolens.local.trace import Trace
from pyrolens.problems import ConfigError, Problems
from pyrolens.records.event import Record
from pyrolens.service.router import Router
from pyrolens.tools.convert import main as convert
from pyrolens.tools.run_arguments import read_arguments
from tests.config.fluentd.configs import config, refused, told
from tests.lent import Lent

STDOUT = "<match **>\n@type stdout\n<format>\n@type json\n</format>\n</match>\n"


def run(text: str, tag: str, *records: Record) -> tuple[Router, list[Receipt]]:
    """The router after these records, stopped; and the receipts that have not settled."""
    open_: list[Receipt] = []

    async def feed() -> Router:
        router = Router(config(text))
        await router.start()
        for record in records:
            receipt = Receipt(1, open_.remove)
            open_.append(receipt)
            router.pipeline.feed(tag, [(1_780_000_000_000_000_000, record)], receipt)
        await router.stop()
        return router

    return asyncio.run(feed()), open_


def test_what_no_match_takes_is_dropped_and_counted(capfd: pytest.CaptureFixture[str]) -> None:
    router, unsettled = run("<match a>\n@type stdout\n</match>", "b", {"n": 1})
    assert (router.pipeline.unrouted, unsettled) == (1, [])
    assert "no output matches the tag; its records are dropped tag=b" in capfd.readouterr().err


def test_a_loop_ends(capfd: pytest.CaptureFixture[str]) -> None:
    relabel = "<match **>\n@type relabel\n@label {}\n</match>\n"
    text = f"{relabel.format('@A')}<label @A>\n{relabel.format('@ROOT')}</label>"
    router, unsettled = run(text, "a", {"n": 1})
    assert (router.pipeline.loops, router.pipeline.unrouted, unsettled) == (1, 1, [])
    assert "records go round in a loop" in capfd.readouterr().err


def test_a_tag_that_grows_with_every_turn(capfd: pytest.CaptureFixture[str]) -> None:
    text = "<match **>\n@type rewrite_tag_filter\n<rule>\nkey k\npattern /./\ntag x.${tag}\n</rule>\n</match>"
    router, unsettled = run(text, "a", {"k": "v"})
    assert (router.pipeline.loops, unsettled) == (1, [])


def test_what_waits_is_settled_at_the_stop(capfd: pytest.CaptureFixture[str]) -> None:
    concat = "<filter **>\n@type concat\nkey log\nn_lines 3\n</filter>\n"
    _, unsettled = run(concat + STDOUT, "a", *({"log": f"{n}"} for n in range(5)))
    assert unsettled == []
    assert capfd.readouterr().out.splitlines() == ['{"log":"0\\n1\\n2"}', '{"log":"3\\n4"}']


def test_a_line_that_ends_a_record_keeps_its_time() -> None:
    """In Fluentd it has the time of the record's first line."""
    concat = "<filter **>\n@type concat\nkey log\nmultiline_start_regexp /^S/\ncontinuous_line_regexp /^ /\n"
    made = config(f"{concat}use_first_timestamp true\n</filter>").filters[0].plugin.compile(Lent())
    lines = [(1, {"log": "S"}), (2, {"log": " a"}), (3, {"log": "other"})]
    assert made("a", lines) == [(1, {"log": "S\n a"}), (3, {"log": "other"})]


def test_what_is_wrong_is_dropped_and_counted_without_an_error_label(capfd: pytest.CaptureFixture[str]) -> None:
    parser = "<filter **>\n@type parser\nkey_name log\n<parse>\n@type json\n</parse>\n</filter>\n"
    router, unsettled = run(parser + STDOUT, "a", {"log": "x"})
    assert (router.metrics.filters["parser.0"].counters, unsettled) == ({"error_records": 1}, [])
    assert "the text does not fit" in capfd.readouterr().err


def test_the_limit_of_partial_records(capfd: pytest.CaptureFixture[str]) -> None:
    def out(method: str) -> list[str]:
        limits = f"buffer_limit_size 30\nbuffer_overflow_method {method}\n"
        filter_ = (
            f'<filter **>\n@type concat\nkey log\npartial_key p\npartial_value y\nseparator ""\n{limits}</filter>\n'
        )
        parts = [{"log": part * 8, "p": "y" if part != "c" else "n"} for part in "abc"]
        _, unsettled = run(filter_ + STDOUT, "a", *parts)
        assert unsettled == []
        return capfd.readouterr().out.splitlines()

    a, b, c = "a" * 8, "b" * 8, "c" * 8
    assert out("ignore") == [f'{{"log":"{a}{b}{c}"}}']
    assert out("truncate") == [f'{{"log":"{a}{b}"}}']
    assert out("new") == [f'{{"log":"{a}{b}"}}', f'{{"log":"{c}"}}']
    assert out("drop") == []


def test_a_line_is_followed_through_labels() -> None:
    text = (
        "<source>\n@type unix\npath /tmp/none.sock\n@label @A\n</source>\n<label @A>\n<filter a.*>\n@type grep\n"
        "<exclude>\nkey log\npattern /no/\n</exclude>\n</filter>\n<match a.**>\n@type null\n@id mine\n</match>\n"
        "</label>\n<match **>\n@type null\n@id other\n</match>"
    )
    trace = Trace(config(text))
    fates = [trace.follow(tag, 1, {"log": line}) for tag, line in (("a.b", "yes"), ("a.b", "no"), ("b", "yes"))]
    found = [([arrival.output for arrival in fate.arrivals], fate.dropped_by, fate.unrouted) for fate in fates]
    assert found == [(["mine"], [], 0), ([], ["grep.0"], 0), ([], [], 1)]


def test_labels() -> None:
    text = (
        "<source>\n@type sample\ntag a\n@label @A\n</source>\n<label @A>\n<match **>\n@type null\n</match>\n</label>\n"
    )
    made = config(text)
    assert (made.inputs[0].enters, list(made.flows or {}), made.warnings) == ("@A", ["", "@A"], [])
    assert told("<label @LOST>\n</label>") == ["fluent.conf:1:8: nothing enters <label @LOST>"]
    (problem,) = refused("<source>\n@type sample\ntag a\n@label @AB\n</source>\n<label @ABC>\n</label>")
    assert (problem.message, problem.hint) == ("there is no <label @AB>", "did you mean '@ABC'?")
    assert str(problem.place) == "fluent.conf:4:8"
    assert "there twice" in refused("<label @A>\n</label>\n" * 2)[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<worker 0>\n</worker>", "<worker> is not understood"),
        ("<mtach a>\n</mtach>", "there is no section <mtach>"),
        ("key value\n", "key stands outside of any section"),
        ("<label>\n</label>", "a label needs a name"),
        ("<label @A>\n<source>\n</source>\n</label>", "<label> has no section <source>"),
        ("<match {a>\n@type null\n</match>", "expected a } behind the {"),
        ("<filter a>\n</filter>", "<filter> needs @type"),
        ("<filter a>\n@type kubernetes_metadata\n</filter>", "there is no @type 'kubernetes_metadata'"),
        ("<filter a>\n@type grep\n<regexp>\nkey a\n</regexp>\n</filter>", "needs pattern"),
        ("<filter a>\n@type grep\n<regexp>\nkey a\npattern /(/\n</regexp>\n</filter>", "pattern is '/(/'"),
        ("<filter a>\n@type record_transformer\nenable_ruby\n<record>\na ${1 + 1}\n</record>\n</filter>", "no Ruby"),
        ("<filter a>\n@type record_transformer\n<record>\na ${tga}\n</record>\n</filter>", "${tga} is no placeholder"),
        ("<filter a>\n@type record_transformer\nkeep_keys a\n</filter>", "keep_keys needs renew_record true"),
        ("<filter a>\n@type concat\nkey a\n</filter>", "it needs n_lines"),
        ("<filter a>\n@type concat\nkey a\nn_lines 2\nmultiline_end_regexp /x/\n</filter>", "cannot stand together"),
        (
            "<filter a>\n@type parser\nkey_name a\n<parse>\n@type regexp\nexpression /x/\n</parse>\n</filter>",
            "no named",
        ),
        ("<system>\nwithout_source true\n</system>", "does not take without_source"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    problem = refused(text)[0]
    assert message in problem.message
    assert problem.place is not None
    assert problem.place.line > 0


def test_a_match_behind_one_that_takes_all() -> None:
    assert told("<match **>\n@type null\n</match>\n<match a>\n@type null\n</match>") == [
        "fluent.conf:4:1: nothing comes to <match a>: a match before it takes all"
    ]


def test_a_pattern_that_may_take_very_long() -> None:
    (line,) = told("<filter a>\n@type grep\n<regexp>\nkey a\npattern /^(a+)+$/\n</regexp>\n</filter>")
    assert line.startswith("fluent.conf:5:9: <filter> grep, <regexp>: the pattern can take exponentially long")


def test_system_and_the_command_line() -> None:
    made = config("<system>\nlog_level warn\nroot_dir /tmp/waiting\nworkers 2\n</system>\n"
                  "<match>\n@type null\n<buffer>\n@type file\n</buffer>\n</match>")  # fmt: skip
    assert (made.service.log_level, made.service.storage_path) == ("warn", "/tmp/waiting/buffer")
    assert [p.message for p in made.warnings] == [
        "<system>: workers has no effect: one process does the work of several"
    ]


def test_which_files_are_in_this_language(tmp_path: Path) -> None:
    path = tmp_path / "router.conf"
    path.write_text("# x\n<match **>\n  @type null\n</match>\n")
    arguments = read_arguments(["-c", str(path), "-f", "5", "-H"], Problems())
    made = load(str(path), arguments.sections)
    assert (made.service.flush, made.service.http_server, len(made.outputs)) == (5, True, 1)
    path.write_text("@include other.conf\n")
    (tmp_path / "other.conf").write_text("<match **>\n  @type null\n</match>\n")
    form = read_arguments(["-c", str(path), "--format", "fluentd"], Problems()).form
    assert len(load(str(path), form=form).outputs) == 1
    with pytest.raises(ConfigError):
        load(str(path))
    problems = Problems()
    read_arguments(["--format", "xml"], problems)
    assert [p.message for p in problems] == ["command line: --format is 'xml': expected fluentbit or fluentd"]


def test_only_run_reads_this_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fluent.conf"
    path.write_text("<match **>\n  @type null\n</match>\n")
    assert convert([str(path)]) == 1
    assert f"{path}: error[other-language]: {path} is in Fluentd's language" in capsys.readouterr().err


def test_plugins_of_the_command_line_have_no_place(tmp_path: Path) -> None:
    path = tmp_path / "fluent.conf"
    path.write_text("<match **>\n  @type null\n</match>\n")
    arguments = read_arguments(["-i", "dummy"], Problems())
    with pytest.raises(ConfigError, match="takes no input from here"):
        load(str(path), arguments.sections)
