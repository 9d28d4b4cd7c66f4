"""The rules of the house: who may import whom, what each plugin must have, and what the router must not load."""

import ast
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import pyrolens.api
from pyrolens.options import spec_of
from pyrolens.plugin import PluginKind, find, names

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
KINDS: tuple[PluginKind, ...] = ("input", "parser", "filter", "output")
PLUGINS = [(kind, name) for kind in KINDS for name in names(kind)]

WORDS = {"problems", "records", "language", "options", "multiline", "sql"}
CONTRACT = {"delivery.outcome", "delivery.receipt", "delivery.retry", "plugin", *WORDS}
SHARED = {"api", "multiline", "net", "aws", *CONTRACT}
ENGINE = {"config", "pipeline", "delivery", "service", "store", "net", *CONTRACT}
MAY_IMPORT = {
    "problems": set[str](),
    "records": {"problems"},
    "language": {"problems"},
    "options": {"problems", "language"},
    "delivery.outcome": {"records", "delivery.receipt"},
    "delivery.receipt": {"records"},
    "delivery.retry": set[str](),
    "plugin": {"multiline", "options", "problems", "records", "delivery.outcome", "delivery.receipt", "delivery.retry"},
    "api": CONTRACT,
    "net": CONTRACT,
    "aws": {"net", *CONTRACT},
    "multiline": {"options", "problems", "records"},
    "sql": {"problems", "records"},
    "store": {"records"},
    "inputs": SHARED,
    "parsers": SHARED,
    "filters": SHARED,
    "outputs": SHARED,
    "remote": {"aws", "net", *CONTRACT},
    "config": {"multiline", "remote", *CONTRACT},
    "pipeline": CONTRACT,
    "delivery": {"store", *CONTRACT},
    "service": ENGINE,
    "ecs": {"language", "net", "options", "plugin", "problems"},
    "check": {"config", "ecs", "pipeline", *CONTRACT},
    "rehearsal": {"check", "ecs", "multiline", *ENGINE},
    "explain": {"check", "ecs", "rehearsal", *ENGINE},
    "testing": {"check", "ecs", "rehearsal", *ENGINE},
    "graph": {"check", "config", "ecs", "explain", *CONTRACT},
    "diff": {"config", "explain", "graph", "rehearsal", *CONTRACT},
    "tools": {"check", "diff", "ecs", "explain", "graph", "multiline", "rehearsal", "remote", "testing", *ENGINE},
    "local": {"aws", "ecs", "rehearsal", "remote", "tools", *ENGINE},
    "cli": {"ecs", "tools", "local", *ENGINE},
    "__main__": {"cli"},
    "__init__": set[str](),
}
"""Below pyrolens: each part and the parts it may import, besides itself. Nothing imports the plugins: they are found
by the names of their files."""


def part_of(module: str) -> str:
    """problems of problems, delivery.outcome of delivery.outcome, delivery of delivery.retry."""
    parts = module.split(".")
    return ".".join(parts[:2]) if ".".join(parts[:2]) in MAY_IMPORT else parts[0]


def imports(path: Path) -> Iterator[str]:
    """The modules below pyrolens that a file imports anywhere in it, without `pyrolens.`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name"
            modules = [node.module or ""]
            if node.module == "pyrolens":
                modules = [f"pyrolens.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            if module.startswith("pyrolens.") and not module.startswith("pyrolens.__"):
                yield module.removeprefix("pyrolens.")


def test_imports_go_downward_only() -> None:
    wrong = []
    for path in sorted((SRC / "pyrolens").rglob("*.py")):
        part = part_of(".".join(path.relative_to(SRC / "pyrolens").with_suffix("").parts))
        allowed = MAY_IMPORT[part] | {part}
        for module in imports(path):
            other = part_of(module)
            if other not in allowed and other.partition(".")[0] not in allowed:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_no_import_is_only_for_types() -> None:
    """Needing one means that a type is in the wrong file."""
    found = [str(path.relative_to(ROOT)) for path in SRC.rglob("*.py") if "TYPE_CHECKING" in path.read_text()]
    assert found == []


def test_the_api_is_exactly_its_list() -> None:
    public = {
        name
        for name, value in vars(pyrolens.api).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(pyrolens.api.__all__)
    assert len(pyrolens.api.__all__) == len(public), "a name stands twice in __all__"


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plugin_is_complete(kind: PluginKind, name: str) -> None:
    cls = find(kind, name)
    assert cls is not None
    assert cls.name == name, "the file is named as the plugin"
    assert cls.kind == kind
    assert len((cls.__doc__ or "").strip()) > 15
    docs = [(spec.name, doc) for spec in spec_of(cls) for doc in (spec.spellings or {"": spec.doc}).values()]
    assert [option for option, doc in docs if len(doc.strip()) < 5] == []
    assert all(reason.strip() for reason in cls.ignored.values())
    assert (ROOT / "tests" / f"{kind}s" / f"test_{name}.py").exists()


def test_nothing_is_tied_to_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], check=False, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    home = re.compile(r"/(?:home|Users)/(?!runner|ec2-user|USER\b)\w+/|/root/\w|/w[o]rk/|/opt/p[e]er|/tmp/\w+_jobs")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {match[0]}" for match in home.finditer(text) if path != Path(__file__)]
    assert found == []


HEAVY = {
    "aiohttp", "asyncssh", "awscrt", "boto3", "botocore", "confluent_kafka", "cramjam", "docker", "email.mime",
    "fastapi", "flask", "http.server", "hypothesis", "lupa", "moto", "multiprocessing", "pydantic", "pytest",
    "requests", "rich", "sqlite3", "unittest", "werkzeug", "xml", "yaml", "zstandard",
}  # fmt: skip
CONFIG = """\
[SERVICE]
    Flush     1
    Log_Level error
[INPUT]
    Name      forward
    unix_path {folder}/in.sock
[FILTER]
    Name      grep
    Match     *
    Exclude   log ELB-HealthChecker
[OUTPUT]
    Name      null
    Match     *
"""


def test_the_router_loads_nothing_heavy(tmp_path: Path) -> None:
    """A task's router has 50 MB. What a plugin needs besides is loaded when a config names that plugin."""
    config = tmp_path / "router.conf"
    config.write_text(CONFIG.format(folder=tmp_path))
    log, modules = tmp_path / "log", tmp_path / "modules"
    program = (
        "import atexit, pathlib, sys; from pyrolens.cli import main; "
        f"atexit.register(lambda: pathlib.Path({str(modules)!r}).write_text(' '.join(sys.modules))); "
        "sys.exit(main())"
    )
    with log.open("wb") as out:
        router = subprocess.Popen([sys.executable, "-c", program, "run", "-c", str(config)], stdout=out, stderr=out)
    try:
        until = time.monotonic() + 30
        while not (tmp_path / "in.sock").exists() and router.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        router.send_signal(signal.SIGTERM)
        assert router.wait(timeout=30) == 0, log.read_text()
    finally:
        router.kill()
    loaded = set(modules.read_text().split())
    assert sorted(loaded & HEAVY) == []
    others = {name for name in loaded if re.match(r"pyrolens\.(inputs|filters|outputs|parsers|ecs|local)\.[a-z]", name)}
    assert {name for name in others if "._" not in name} == {
        "pyrolens.inputs.forward", "pyrolens.filters.grep", "pyrolens.outputs.null",
    }  # fmt: skip
