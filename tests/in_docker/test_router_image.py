"""The image as people run it in the place of aws-for-fluent-bit."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.in_docker.base_image import build
from tests.in_docker.conftest import ROOT, Images
from tests.in_docker.engine import Engine

WITHIN = 60.0
FILE = """\
[SERVICE]
    Flush     1
    Grace     30
    HTTP_Server On
[INPUT]
    Name      forward
    unix_path /var/run/fluent.sock
[INPUT]
    Name      forward
    Listen    0.0.0.0
    Port      24224
[OUTPUT]
    Name      file
    Match     *
    Path      /out
    Format    plain
    Mkdir     On
"""
COUNT = 10_000
LINES = 'i=0; while [ $i -lt 10000 ]; do echo "line $i of what is to arrive"; i=$((i+1)); done'


class Router:
    """A container of the image, with a config at /fluent-bit/etc/fluent-bit.conf and folders for socket and output."""

    def __init__(
        self, engine: Engine, image: str, folder: Path, names: list[str], *more: str, config: str = FILE
    ) -> None:
        self.engine, self.folder = engine, folder
        self.name = f"pyrolens-test-{uuid.uuid4().hex[:12]}"
        names.append(self.name)
        (folder / "fluent-bit.conf").write_text(config)
        for name in ("run", "out"):
            (folder / name).mkdir(mode=0o777)
            (folder / name).chmod(0o777)
        mounts = [
            f"{folder}/fluent-bit.conf:/fluent-bit/etc/fluent-bit.conf",
            f"{folder}/run:/var/run",
            f"{folder}/out:/out",
        ]
        volumes = [word for mount in mounts for word in ("-v", mount)]
        engine.docker("run", "-d", "--name", self.name, *volumes, *more, image)

    def until(self, socket: str = "run/fluent.sock") -> None:
        """It listens."""
        self.wait((self.folder / socket).exists)

    def wait(self, true: Callable[[], bool]) -> None:
        ends = time.monotonic() + WITHIN
        while not true():
            assert time.monotonic() < ends, self.log()
            assert self.state("Running") == "true", self.log()
            time.sleep(0.05)

    def state(self, what: str) -> str:
        return self.engine.docker("inspect", "-f", f"{{{{.State.{what}}}}}", self.name)

    @property
    def address(self) -> str:
        return self.engine.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", self.name)

    def stop(self) -> int:
        self.engine.docker("stop", "-t", "40", self.name)
        return int(self.state("ExitCode"))

    def log(self) -> str:
        done = self.engine.run("logs", self.name)
        return done.stdout.decode() + done.stderr.decode()

    def arrived(self, tag: str) -> list[str]:
        """What the container with that tag has printed."""
        file = self.folder / "out" / tag
        whole = file.read_text().split("\n")[:-1] if file.exists() else []  # the last line may still be written
        return [json.loads(line)["log"] for line in whole]


def logging(address: str, tag: str, **options: str) -> list[str]:
    """Arguments of docker run: the log driver as the ECS agent sets it."""
    given = {"fluentd-address": address, "fluentd-async": "true", "fluentd-sub-second-precision": "true", "tag": tag}
    pairs = {**given, **{key.replace("_", "-"): value for key, value in options.items()}}
    return [
        "--log-driver",
        "fluentd",
        *(word for key, value in pairs.items() for word in ("--log-opt", f"{key}={value}")),
    ]


@pytest.mark.parametrize("by", ["unix", "tcp"])
def test_10000_lines_and_the_end_of_the_container(
    engine: Engine, images: Images, started: list[str], tmp_path: Path, by: str
) -> None:
    router = Router(engine, images.router, tmp_path, started)
    router.until()
    address = f"unix://{tmp_path}/run/fluent.sock" if by == "unix" else f"tcp://{router.address}:24224"
    # a driver that does not wait for the router throws away what waits when its container ends: this one waits
    driver = logging(address, "burst", fluentd_async="false")
    engine.docker("run", "--rm", *driver, images.busybox, "seq", str(COUNT))
    # as on ECS; the container ends when all of it is on its way
    started.append(name := f"{router.name}-app")
    engine.docker(
        "run", "-d", "--name", name, *logging(address, "ecs"), images.busybox, "sh", "-c", f"{LINES}; exec sleep 1000"
    )
    router.wait(lambda: len(router.arrived("ecs")) == COUNT)
    engine.docker("stop", "-t", "0", name)
    assert router.stop() == 0
    assert router.arrived("burst") == [str(n) for n in range(1, COUNT + 1)]
    assert router.arrived("ecs") == [f"line {n} of what is to arrive" for n in range(COUNT)]


@pytest.mark.parametrize(("switch", "pieces"), [((), 1), (("-e", "PYROLENS_JOIN_PARTIAL_MESSAGES=off"), 3)])
def test_long_lines_are_whole_unless_it_is_switched_off(
    engine: Engine, images: Images, started: list[str], tmp_path: Path, switch: tuple[str, ...], pieces: int
) -> None:
    router = Router(engine, images.router, tmp_path, started, *switch)
    router.until()
    driver = logging(f"unix://{tmp_path}/run/fluent.sock", "long", fluentd_async="false")
    engine.docker("run", "--rm", *driver, images.busybox, "sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x; echo")
    assert router.stop() == 0
    assert [len(line) for line in router.arrived("long")] == ([40000] if pieces == 1 else [16384, 16384, 7232])
    assert "".join(router.arrived("long")) == 40000 * "x"


def test_another_user_and_a_file_system_that_is_read_only(
    engine: Engine, images: Images, started: list[str], tmp_path: Path
) -> None:
    router = Router(engine, images.router, tmp_path, started, "--user", "1000:1000", "--read-only", "--cap-drop", "ALL")
    router.until()
    driver = logging(f"unix://{tmp_path}/run/fluent.sock", "app", fluentd_async="false")
    engine.docker("run", "--rm", *driver, images.busybox, "echo", "hello")
    assert router.stop() == 0
    assert router.arrived("app") == ["hello"]
    assert (tmp_path / "out" / "app").stat().st_uid == 1000


def test_the_health_check(engine: Engine, images: Images, started: list[str], tmp_path: Path) -> None:
    check = ("--health-cmd", "pyrolens health", "--health-interval", "1s", "--health-retries", "1")
    router = Router(engine, images.router, tmp_path, started, *check)
    router.wait(lambda: router.state("Health.Status") == "healthy")
    for command in (
        ["pyrolens", "health"],
        ["sh", "-c", "curl -sf http://127.0.0.1:2020/api/v1/uptime"],
        ["sh", "-c", "nc -z 127.0.0.1 24224"],
    ):
        engine.docker("exec", router.name, *command)
    none = engine.run("run", "--rm", images.router, "pyrolens", "health")
    assert none.returncode != 0
    assert b"Traceback" not in none.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["fluent-bit", "--version"], "drop-in for Fluent Bit v5.1.1"),
        (["/fluent-bit/bin/fluent-bit", "--version"], "drop-in for Fluent Bit v5.1.1"),
        (["cat", "/AWS_FOR_FLUENT_BIT_VERSION"], "pyrolens 0."),
        (["ls", "/fluent-bit/parsers/parsers.conf", "/ecs/ecs-metadata.conf"], "/ecs/ecs-metadata.conf"),
        # an image of somebody that was made for AWS's
        (
            ["sh", "-c", "exec /fluent-bit/bin/fluent-bit -e /fluent-bit/firehose.so -e /fluent-bit/cloudwatch.so "
             "-e /fluent-bit/kinesis.so -c /fluent-bit/etc/fluent-bit.conf --dry-run 2>&1"],
            "the config is good",
        ),
        (["pyrolens", "plugins", "kafka"], "rdkafka"),
    ],
)  # fmt: skip
def test_commands(engine: Engine, images: Images, command: list[str], said: str) -> None:
    assert said in engine.docker("run", "--rm", images.router, *command)


def test_the_command_with_init(engine: Engine, images: Images, started: list[str], tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("[OUTPUT]\n    Name file\n    Match more\n    Path /out\n    File more\n")
    variables = ("-e", "aws_fluent_bit_init_file_1=/more.conf", "-v", f"{tmp_path}/more.conf:/more.conf")
    config = FILE.partition("[OUTPUT]")[0] + "[INPUT]\n    Name dummy\n    Tag more\n"
    init = build(engine, ROOT, f"{images.router}:init", "--build-arg", f"BASE={images.base}", "--target", "init")
    router = Router(engine, init, tmp_path, started, *variables, config=config)
    router.wait((tmp_path / "out" / "more").exists)
    assert router.stop() == 0
    assert "a file is used by=aws_fluent_bit_init_file_1" in router.log()
