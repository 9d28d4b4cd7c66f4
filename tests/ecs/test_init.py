"""What the files of an init process become. What is fetched comes from a table; tests/tools/test_init.py has S3."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pyrolens.config import Config, load
from pyrolens.ecs.init import InitError, Plan, prepare
from pyrolens.problems import ConfigError, Problems
from pyrolens.tools.run_arguments import read_arguments

GENERATED = "[INPUT]\n    Name dummy\n    Tag app-firelens-1\n[OUTPUT]\n    Name null\n    Match app-firelens*\n"
FILTER = "[FILTER]\n    Name {}\n    Match *\n"
PARSER = "[PARSER]\n    Name {}\n    Format json\n"


@dataclass
class Said:
    lines: list[str] = field(default_factory=list)

    def _say(self, event: str, **fields: object) -> None:
        self.lines.append(" ".join([event, *(f"{k}={v}" for k, v in fields.items())]))

    debug = info = warning = error = _say


class Made:
    """A router's container: its files below a folder, and what is elsewhere."""

    def __init__(self, tmp_path: Path, elsewhere: dict[str, str], generated: str | None = GENERATED) -> None:
        self.folder = tmp_path / "init"
        self.image = tmp_path / "image"
        self.image.mkdir()
        self.elsewhere = elsewhere
        self.log = Said()
        self.fetched: list[str] = []
        if generated is not None:
            self.file("fluent-bit.conf", generated)

    def file(self, name: str, text: str) -> str:
        path = self.image / name
        path.write_text(text)
        return str(path)

    def fetch(self, address: str) -> bytes:
        self.fetched.append(address)
        if address not in self.elsewhere:
            raise InitError(f"{address} is not there", hint="put it there")
        return self.elsewhere[address].encode()

    def plan(self, **environ: str) -> Plan:
        named = {name if name.isupper() else f"aws_fluent_bit_init_{name}": value for name, value in environ.items()}
        return prepare(named, self.folder, self.fetch, self.log, str(self.image / "fluent-bit.conf"))

    def included(self, plan: Plan) -> list[str]:
        """The base names, in order."""
        return [line.rpartition("/")[2] for line in Path(plan.config).read_text().splitlines()]


def run(plan: Plan) -> Config:
    """As the router reads it."""
    problems = Problems()
    args = read_arguments(plan.arguments, problems)
    problems.raise_if_any()
    return load(args.config, args.sections)


def test_files_are_included_behind_the_generated_config_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    made = Made(tmp_path, {f"s3://b/{name}.conf": FILTER.format(name) for name in ("grep", "stdout", "nest")})
    local = made.file("modify.conf", FILTER.format("modify"))
    plan = made.plan(s3_10="s3://b/nest.conf", s3_2="s3://b/stdout.conf", file_1=local, S3="x")
    assert made.included(plan) == ["fluent-bit.conf", "modify.conf", "stdout.conf", "nest.conf"]
    assert plan.parsers == []
    assert [f.label for f in run(plan).filters] == ["modify.0", "stdout.0", "nest.0"]


def test_a_file_with_parsers_tasks_and_more_is_used_for_all_of_it(tmp_path: Path) -> None:
    task = "[STREAM_TASK]\n    Name t\n    Exec CREATE STREAM s AS SELECT * FROM TAG:'*';\n"
    parse = "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser own\n"
    made = Made(
        tmp_path, {"s3://b/all.conf": f"{PARSER.format('own')}{task}{parse}[OUTPUT]\n    Name null\n    Match x\n"}
    )
    config = run(plan := made.plan(s3_1="s3://b/all.conf"))
    assert [p.endswith("/fluent-bit-init-parts/2-parsers-all.conf") for p in plan.parsers] == [True]
    assert ([f.label for f in config.filters], [o.label for o in config.outputs]) == (
        ["parser.0"],
        ["null.0", "null.1"],
    )
    assert [task.name for task in config.streams] == ["t"]
    assert "own" in config.parsers
    assert any(
        "holds=1 parser, 1 stream task, 1 filter, 1 output use=included, and parsers" in x for x in made.log.lines
    )


def test_a_file_of_parsers_is_no_include(tmp_path: Path) -> None:
    made = Made(tmp_path, {"s3://b/p.conf": f"# x\n{PARSER.format('own')}"})
    plan = made.plan(s3_1="s3://b/p.conf")
    assert made.included(plan) == ["fluent-bit.conf"]
    assert "own" in run(plan).parsers


def test_yaml_is_taken(tmp_path: Path) -> None:
    text = "service:\n  flush: 3\nparsers:\n  - name: own\n    format: json\npipeline:\n  filters:\n"
    made = Made(tmp_path, {"s3://b/x.yaml": f"{text}    - name: stdout\n      match: '*'\n"})
    config = run(made.plan(s3_1="s3://b/x.yaml"))
    assert ([f.label for f in config.filters], config.service.flush, "own" in config.parsers) == (
        ["stdout.0"],
        3.0,
        True,
    )


def test_what_has_no_ending_is_what_it_looks_like(tmp_path: Path) -> None:
    yaml = "parsers:\n  - name: own\n    format: json\n"
    made = Made(tmp_path, {"env:A": yaml, "ssm:/x/A": FILTER.format("stdout")})
    plan = made.plan(env_1="env:A", ssm_2="ssm:/x/A")
    assert made.included(plan) == ["fluent-bit.conf", "A.yaml", "A"]
    config = run(plan)
    assert ([f.label for f in config.filters], "own" in config.parsers) == (["stdout.0"], True)


def test_files_of_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    addresses = ["arn:aws:s3:::a/x.conf", "arn:aws-cn:s3:::a/x.conf", "s3://b/y/x.conf"]
    made = Made(tmp_path, {a: FILTER.format(n) for a, n in zip(addresses, ("grep", "stdout", "modify"), strict=True)})
    plan = made.plan(**{f"s3_{n}": a for n, a in enumerate(addresses)})
    assert made.included(plan) == ["fluent-bit.conf", "x.conf", "2-x.conf", "3-x.conf"]
    assert [f.label for f in run(plan).filters] == ["grep.0", "stdout.0", "modify.0"]


def test_a_file_is_not_included_twice(tmp_path: Path) -> None:
    extra = str(tmp_path / "image" / "extra.conf")
    made = Made(tmp_path, {"s3://b/x.conf": FILTER.format("stdout")}, f"{GENERATED}@INCLUDE {extra}\n")
    made.file("extra.conf", FILTER.format("grep"))
    plan = made.plan(s3_1="s3://b/x.conf", s3_2="s3://b/x.conf", file_1=extra)
    assert [f.label for f in run(plan).filters] == ["grep.0", "stdout.0"]
    assert made.fetched == ["s3://b/x.conf"]
    told = [line for line in made.log.lines if "not used" in line]
    assert [("file_1" in t or "s3_2" in t) for t in told] == [True, True]
    assert "the ECS agent, by way of" in told[0]
    assert "aws_fluent_bit_init_s3_1 names the same" in told[1]


def test_parsers_in_what_is_included_count(tmp_path: Path) -> None:
    extra = str(tmp_path / "image" / "extra.conf")
    made = Made(tmp_path, {}, f"{GENERATED}@INCLUDE {extra}\n")
    made.file("extra.conf", f"{FILTER.format('stdout')}{PARSER.format('own')}@INCLUDE more.conf\n")
    made.file("more.conf", PARSER.format("more"))
    plan = made.plan()
    config = run(plan)
    assert ([f.label for f in config.filters], {"own", "more"} <= set(config.parsers)) == (["stdout.0"], True)


def test_what_an_object_includes_is_beside_it(tmp_path: Path) -> None:
    made = Made(
        tmp_path,
        {
            "s3://b/d/x.conf": "@INCLUDE y.conf\n@INCLUDE s3://c/z.conf\n",
            "s3://b/d/y.conf": FILTER.format("grep"),
            "s3://c/z.conf": FILTER.format("stdout"),
        },
    )
    assert [f.label for f in run(made.plan(s3_1="s3://b/d/x.conf")).filters] == ["grep.0", "stdout.0"]


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    made = Made(tmp_path, {"s3://b/x.conf": f"@INCLUDE x.conf\n{FILTER.format('grep')}"})
    plan = made.plan(s3_1="s3://b/x.conf")
    assert made.fetched == ["s3://b/x.conf"]
    assert [f.label for f in run(plan).filters] == ["grep.0"]


def test_a_file_that_two_others_include_is_there_once(tmp_path: Path) -> None:
    both = {"s3://b/c.conf": FILTER.format("grep")}
    made = Made(tmp_path, {**both, "s3://b/1.conf": "@INCLUDE c.conf\n", "s3://b/2.conf": "@INCLUDE s3://b/c.conf\n"})
    plan = made.plan(s3_1="s3://b/1.conf", s3_2="s3://b/2.conf")
    assert [f.label for f in run(plan).filters] == ["grep.0"]
    told = [line for line in made.log.lines if "not used" in line]
    assert len(told) == 1
    assert told[0].endswith("1.conf includes it already")


def test_places_are_those_of_the_file(tmp_path: Path) -> None:
    made = Made(tmp_path, {"s3://b/x.conf": f"{PARSER.format('p')}[FILTER]\n    Name no\n    Match *\n"})
    with pytest.raises(ConfigError, match=r"fluent-bit-init-parts/\d-x.conf:5:10: error"):
        run(made.plan(s3_1="s3://b/x.conf"))


def test_each_file_that_is_not_used_is_told_with_its_reason(tmp_path: Path) -> None:
    made = Made(tmp_path, {"s3://b/e.conf": "# later\n"})
    made.plan(s3_1="s3://b/e.conf", s3_2=" ", AWS_FLUENTBIT_INIT_S3_3="s3://b/x.conf")
    told = [line for line in made.log.lines if "not used" in line]
    assert [t.partition("reason=")[2].partition(":")[0] for t in told] == [
        "it has no section",
        "it is empty",
        "no such name is known",
    ]


def test_the_generated_config_is_left_out_on_request(tmp_path: Path) -> None:
    made = Made(tmp_path, {"s3://b/x.conf": GENERATED})
    plan = made.plan(ignore_firelens="true", s3_1="s3://b/x.conf")
    assert made.included(plan) == ["x.conf"]


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    made = Made(tmp_path, {})
    with pytest.raises(InitError) as caught:
        made.plan(s3_1="s3://b/none.conf", file_2="/no/such.conf", s3_3="b/x.conf")
    assert [reason[:2] for reason in caught.value.reasons] == [
        ("aws_fluent_bit_init_s3_1: s3://b/none.conf is not there", "put it there"),
        ("aws_fluent_bit_init_file_2: /no/such.conf cannot be read: No such file or directory", ""),
        ("aws_fluent_bit_init_s3_3: 'b/x.conf' is no address: expected arn:aws:s3:::bucket/key or s3://bucket/key", ""),
    ]
    variables = [f"aws_fluent_bit_init_{n}" for n in ("s3_1", "file_2", "s3_3")]
    assert [reason.variable for reason in caught.value.reasons] == variables
    assert not (made.folder / "fluent-bit-init.conf").exists()


def test_without_any_config_there_is_nothing_to_run(tmp_path: Path) -> None:
    made = Made(tmp_path, {}, None)
    with pytest.raises(InitError, match="nothing to run"):
        made.plan()


def test_files_are_for_the_router_alone(tmp_path: Path) -> None:
    made = Made(tmp_path, {"s3://b/x.conf": FILTER.format("grep")})
    plan = made.plan(s3_1="s3://b/x.conf")
    assert {oct(p.stat().st_mode & 0o777) for p in made.folder.rglob("*") if p.is_file()} == {"0o600"}
    assert oct(Path(plan.config).parent.stat().st_mode & 0o777) == "0o700"
