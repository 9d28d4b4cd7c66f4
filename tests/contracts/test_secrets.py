"""Secrets are seen nowhere: a walk over every secret option of every plugin, with every mistake that there is.

What a person can see is searched for the canary in each spelling: problems, the log, the answers of the HTTP API, dead
letters, the books, and what `ps` shows.
"""

import ast
import asyncio
import base64
import json
import signal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pyrolens.options import Pair, spec_of
from pyrolens.plugin import PluginKind, find, names
from pyrolens.service.secrets import Mask, secrets_of
from pyrolens.tools.run import main
from tests.contracts.destinations import Fault
from tests.contracts.kinds import KINDS, SECRET
from tests.contracts.test_faults import section, send
from tests.net.servers import Request, answer, serving
from tests.ports import free_port
from tests.running import message, running, until
from tests.service.test_reload import Reloading

CANARY = 'canary-9f"3/Zq+7xW2=k\\d'
SPELLED = {
    CANARY,
    quote(CANARY, safe=""),
    json.dumps(CANARY)[1:-1],
    base64.b64encode(CANARY.encode()).decode(),
    "canary-9f",
}
SECRETS = [
    (kind, name, spec)
    for kind in ("input", "filter", "output")
    for name in names(kind)
    for spec in spec_of(find(kind, name) or object)
    if spec.kind.secret
]
"""Every secret option that there is."""
SRC = Path(__file__).parents[2] / "src" / "pyrolens"

MISTAKES = {
    "none": "",
    "misspelt": "    {secret}x {canary}\n",
    "twice": "    {secret} {canary}\n",
    "glued": "    {secret}={canary} {canary}\n",
    "another option": "    No_Such_Option {other}\n    Retry_Limit {other}\n    tls.verify {other}\n    Port {other}\n",
    "a parser that is not there": "    Parser {other}\n",
    "a file that is not there": "    tls on\n    tls.crt_file /{other}\n    tls.ca_file /{other}\n",
}


def test_there_are_secrets() -> None:
    assert {name for _, name, _ in SECRETS} >= {"forward", "http", "es", "kafka", "slack", "datadog", "tcp"}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("written", ["{canary}", "${{CANARY}}"])
def test_no_problem_shows_one(
    tmp_path: Path, mistake: str, written: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    canary = CANARY.replace('"', "").replace("\\", "")
    monkeypatch.setenv("CANARY", canary)
    file = tmp_path / "router.conf"
    for kind, name, spec in SECRETS:
        value = written.format(canary=canary)
        given = f"me {value}" if spec.pairs else value
        # what is written in the place of something that is no secret is shown, unless a variable gives it
        other = value if "$" in value else "something"
        wrong = MISTAKES[mistake].format(secret=spec.name, canary=given, other=other)
        match = "" if kind == "input" else "    Match *\n"
        file.write_text(f"[{kind.upper()}]\n    Name {name}\n{match}    {spec.name} {given}\n{wrong}")
        main(["--dry-run", "-c", str(file)])
        shown = capfd.readouterr()
        assert "canary-9f" not in shown.err + shown.out, (kind, name, spec.name)


@pytest.mark.parametrize(
    "text",
    [
        "[OUTPUT]\n    Name http\n  http_passwd canary-9f\n",
        "[OUTPUT]\n    Name http\n    http_passwd\tcanary-9f\n   Match *\n",
        "pipeline:\n  outputs:\n    - name: http\n      http_passwd: 'canary-9f\n",
        "pipeline:\n  outputs:\n    - name: http\n      http_passwd: {canary-9f}\n",
        "pipeline:\n  outputs:\n    - name: http\n      apikey: canary-9f: x\n",
        "pipeline:\n  outputs:\n    - name: http\n      proxy: http://u:canary-9f@h:1\n      x: [\n",
    ],
)
def test_no_syntax_error_shows_one(tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / ("router.yaml" if text.startswith("p") else "router.conf")
    file.write_text(text)
    main(["--dry-run", "-c", str(file)])
    shown = capfd.readouterr()
    assert "error" in shown.err
    assert "canary-9f" not in shown.err + shown.out


@pytest.mark.parametrize(("kind", "name"), sorted({(kind, name) for kind, name, _ in SECRETS}))
def test_a_plugin_shows_none_of_itself(kind: PluginKind, name: str) -> None:
    cls: Any = find(kind, name)
    direct: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    wanted = []
    for spec in spec_of(cls):
        if spec.kind.secret:
            value: Any = [Pair("me", CANARY)] if spec.pairs else [CANARY] if spec.repeats else CANARY
            wanted.append(spec)
        elif spec.required:
            value = "x"
        else:
            continue
        (groups.setdefault(spec.group, {}) if spec.group else direct)[spec.field] = value
    for group, values in groups.items():
        direct[group] = type(getattr(_default(cls, direct), group))(**values)
    plugin = cls(**direct)
    assert "canary" not in repr(plugin)
    assert repr(plugin).count("***") == len(wanted)
    mask = Mask()
    mask.add(secrets_of([plugin], {}))
    for text in (CANARY, quote(CANARY, safe=""), json.dumps(CANARY), repr(CANARY), json.dumps(json.dumps(CANARY))):
        assert "canary" not in mask(f'reason="{text}" x'), text
    assert mask(f"cut off: {CANARY[:-6]}") == "cut off: ***"
    if any(spec.pairs for spec in wanted):
        assert mask(base64.b64encode(f"me:{CANARY}".encode()).decode()) == "***"


def _default(cls: Any, given: dict[str, Any]) -> Any:
    """With whatever is required, to see what its groups are."""
    return cls(**{spec.field: given.get(spec.field, "x") for spec in spec_of(cls) if spec.required and not spec.group})


def echo(request: Request) -> bytes:
    """Refuses for good, and repeats all that it was told."""
    told = {"headers": dict(request.headers), "target": request.target, "error": "no"}
    return answer(400, json.dumps(told).encode())


def test_a_running_router_shows_none(tmp_path: Path) -> None:
    kinds = [kind for kind in KINDS if kind.protocol == "http"]
    found: dict[str, str] = {}

    async def main() -> None:
        async with serving(echo) as server:
            port, api = int(server.url.rpartition(":")[2]), free_port()
            config = (
                "[SERVICE]\n    Flush 0.1\n    Grace 2\n    Log_Level trace\n    hot_reload on\n    http_server on\n"
                f"    http_port {api}\n    http_token ${{CANARY}}\n    storage.path {{dir}}/kept\n"
                "    storage.keep.rejected on\n    health_check on\n"
                "[INPUT]\n    Name forward\n    unix_path {dir}/in.sock\n"
                f"[INPUT]\n    Name forward\n    Listen 127.0.0.1\n    Port {(guarded := free_port())}\n"
                "    shared_key ${CANARY}\n    security.users me ${CANARY}\n"
            )
            for kind in kinds:
                config += section(kind, Fault("echo", ""), port).replace(SECRET, "${CANARY}")
            config += (
                f"[OUTPUT]\n    Name http\n    Match *\n    Alias more\n    Host 127.0.0.1\n    Port {port}\n"
                "    Header Authorization Bearer ${CANARY}\n    Header X-Api-Key ${CANARY}\n"
                "    log_response_payload on\n"
            )
            async with running(
                tmp_path, config, CANARY=CANARY, AWS_ACCESS_KEY_ID="AKID", AWS_SECRET_ACCESS_KEY=CANARY,
                AWS_SESSION_TOKEN=CANARY, HTTP_PROXY="", PYROLENS_FINAL_METRICS=str(tmp_path / "books.json"),
            ) as router:  # fmt: skip
                it = Reloading(router, api)
                found["ps"] = Path(f"/proc/{router.pid}/cmdline").read_bytes().decode()
                await send(str(tmp_path / "in.sock"), "app")
                _, writer = await asyncio.open_connection("127.0.0.1", guarded)
                writer.write(message("app", {"n": 0}))
                writer.close()
                dead = tmp_path / "kept" / "rejected"
                await until(lambda: len(list(dead.glob("*.jsonl"))) >= 6, "dead letters")
                await until(lambda: "closed a connection" in router.said(), "the peer without a key")
                for path in (
                    "/", "/api/v1/uptime", "/api/v1/metrics", "/api/v1/metrics/prometheus", "/api/v1/plugins",
                    "/api/v1/storage", "/api/v1/health", "/api/v2/metrics", "/api/v2/metrics/prometheus",
                    "/api/v2/health", "/api/v2/reload",
                ):  # fmt: skip
                    found[path] = await it.get(path)
                it.write(
                    config + "[OUTPUT]\n    Name http\n    Match *\n    http_passwd ${CANARY}\n    http_passwd x\n"
                )
                status, told = await it.ask("POST")
                assert status == 400
                found["bad reload"] = json.dumps(told)
                it.write(config)
                assert (await it.ask("POST"))[0] == 200
                await router.stop(signal.SIGTERM)
                found["log"] = router.said()
                found["books"] = (tmp_path / "books.json").read_text()
                for file in dead.glob("*.jsonl"):
                    found[file.name] = file.read_text()

    asyncio.run(main())
    assert "***" in found["log"]
    seen = {
        (where, form): text[max(text.find(form) - 300, 0) : text.find(form) + 40]
        for where, text in found.items()
        for form in SPELLED
        if form in text
    }
    assert seen == {}


MAY_BE_READ_BY_OTHERS = {"outputs/file.py", "outputs/_file_rotation.py"}
"""What it writes is for others, with the permissions that the umask leaves, as in Fluent Bit."""
WRITES_AGAIN = {"check/fixing.py"}
"""What it writes is a file that people have, and its permissions stay."""
NOT_THE_ROUTER = {"local", "tools"}
"""What people start by hand, in folders of their own."""


def test_files_are_made_for_nobody_else() -> None:
    wrong = []
    for path in sorted(SRC.rglob("*.py")):
        name = str(path.relative_to(SRC))
        if name in MAY_BE_READ_BY_OTHERS | WRITES_AGAIN or name.split("/")[0] in NOT_THE_ROUTER:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            written = ast.unparse(node)
            if (
                called == "os.open"
                and "O_CREAT" in written
                and not (node.args[2:] and ast.unparse(node.args[2]) == "384")
            ):
                wrong.append(f"{name}:{node.lineno}: {written}")
            mode = ast.unparse(node.args[1]) if called in ("open", "gzip.open") and len(node.args) > 1 else ""
            if any(letter in mode for letter in "wax") and not written.startswith("open(os.open("):
                wrong.append(f"{name}:{node.lineno}: {written}")
            if called.endswith((".write_text", ".write_bytes", ".touch")):
                wrong.append(f"{name}:{node.lineno}: {written}")
            if called.endswith(("mkdir", "makedirs")) and "448" not in written:
                wrong.append(f"{name}:{node.lineno}: {written}")
    assert wrong == []
