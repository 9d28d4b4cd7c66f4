"""`pyrolens up` with containers: the tasks of the examples, and what ECS does at their start and their end."""

import asyncio
import gzip
import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.running import EXAMPLES, Up, example, up
from tests.in_docker.base_image import build
from tests.in_docker.conftest import Images
from tests.in_docker.engine import Engine
from tests.net.servers import Server
from tests.outputs.sending import with_server
from tests.outputs.vendors import bulk, datadog

COUNT = 10_000
QUIET = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
FOREVER = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"


@pytest.fixture(autouse=True)
def nothing_is_left(engine: Engine) -> Any:
    yield
    left = engine.docker("ps", "-aq", "--filter", "label=pyrolens.task")
    left += engine.docker("volume", "ls", "-q", "--filter", "label=pyrolens.task")
    left += engine.docker("network", "ls", "-q", "--filter", "label=pyrolens.task")
    assert left == ""


def changed(task: Path, **members: Mapping[str, Any]) -> Path:
    """The task definition with other members in its containers."""
    definition = json.loads(task.read_text())
    for container in definition["containerDefinitions"]:
        container.update(members.get(container["name"], {}))
    task.write_text(json.dumps(definition))
    return task


def prints(*lines: str) -> dict[str, list[str]]:
    quoted = "; ".join(f"echo '{line}'" for line in lines)
    return {"command": ["sh", "-c", quoted]}


def task_of(folder: Path, images: Images, *containers: dict[str, Any], mode: str = "awsvpc", **members: Any) -> Path:
    """All containers but those with a `log` of False go to CloudWatch Logs, in a group of their name."""
    made = []
    for given in containers:
        options = {
            "Name": "cloudwatch_logs", "region": "eu-west-1", "log_group_name": f"/{given['name']}",
            "log_stream_prefix": "a-", "auto_create_group": "true",
        }  # fmt: skip
        logs = given.pop("log", True)
        log = {"logConfiguration": {"logDriver": "awsfirelens", "options": options}} if logs else {}
        made.append({"image": images.busybox, **log, **given})
    router = {"name": "log_router", "image": images.router, "firelensConfiguration": {"type": "fluentbit"}}
    task = folder / "task.json"
    role = "arn:aws:iam::123456789012:role/task"
    definition = {"family": "test", "networkMode": mode, "taskRoleArn": role, "containerDefinitions": [*made, router]}
    task.write_text(json.dumps({**definition, **members}))
    return task


def shell(name: str, command: str, **members: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sh", "-c", command], **members}


def shown(run: Up, container: str) -> list[str]:
    """What a container has printed."""
    return re.findall(rf"^ *{container} │ \S+ (.*?)  (?:→|✗|…)", run.shown, re.MULTILINE)


# -- the tasks of the articles ----------------------------------------------------------------------------------------


def test_errors_to_cloudwatch_everything_to_s3(engine: Engine, images: Images, tmp_path: Path) -> None:
    task = changed(example("color-app", tmp_path), color={"command": ["python3", "app.py"]})
    (tmp_path / "Dockerfile").write_text(f"FROM {images.base}\nWORKDIR /srv\nCOPY color-app/app.py .\n")
    color = build(engine, tmp_path, "pyrolens-test-color")
    run = asyncio.run(up(task, "--demo", "--image", f"color={color}", "--image", f"log_router={images.router}"))
    assert run.rows() == {
        "CloudWatch Logs /ecs/color-app/errors": (15, 15),
        "S3, through Firehose color-app-logs": (32, 32),
    }
    assert "Every one of 44 lines is accounted for." in run.shown


def test_events_to_another_account_by_a_router_that_is_healthy(images: Images, tmp_path: Path) -> None:
    lines = ['{"logClass":"EVENT_LOG","event":"bought"}', '{"logClass":"APP_LOG"}', "no JSON"]
    task = changed(example("shop-events", tmp_path), web=prints(*lines), log_router={"healthCheck": {
        "command": ["CMD-SHELL", "curl -f http://127.0.0.1:2020/api/v1/health || exit 1"],
        "interval": 1, "startPeriod": 60,
    }})  # fmt: skip
    run = asyncio.run(up(task, "--image", f"web={images.busybox}", "--image", f"log_router={images.router}"))
    assert run.rows() == {"S3, through Firehose shop-events": (1, 1), "CloudWatch Logs /ecs/shop/app": (2, 2)}


def test_the_config_in_s3_is_fetched_by_the_init_process_of_the_image(images: Images, tmp_path: Path) -> None:
    audit = {"timestamp": "2025-09-11T15:46:18.182+09:00", "record": json.dumps({"action": "create"})}
    web = f"echo '{json.dumps(audit)}' > $AUDIT_DIR/a.log; echo 'GET / 200'; {QUIET}"
    task = changed(example("shop-config", tmp_path), web={"command": ["sh", "-c", web]})

    async def scenario() -> Up:
        images_ = ("--image", f"web={images.busybox}", "--image", f"log_router={images.router}")
        run = await Up.start(task, *images_)
        await run.until("GET / 200")
        await run.until(audit["timestamp"])
        run.process.send_signal(signal.SIGINT)
        assert await run.end() == 0, run.shown
        return run

    run = asyncio.run(scenario())
    assert run.rows() == {"CloudWatch Logs /ecs/shop/app": (1, 1), "S3, through Firehose shop-audit": (1, 1)}
    assert "a file is fetched source=arn:aws:s3:::shop-config/router/firehose.yaml" in run.shown


def test_datadog_and_s3_by_a_router_on_this_machine(images: Images, tmp_path: Path) -> None:
    async def test(server: Server) -> Up:
        task = example("shop-datadog", tmp_path, DD_HOST="127.0.0.1", DD_PORT=str(server.port), DD_TLS="Off")
        changed(task, web=prints("GET / 200", "GET /cart 500"))
        return await up(task, "--image", f"web={images.busybox}", DD_API_KEY="KEY")

    run, requests = with_server(datadog, test)
    logs = [log for request in requests for log in json.loads(gzip.decompress(request.body))]
    assert sorted(log["message"] for log in logs) == ["GET / 200", "GET /cart 500"]
    assert run.rows() == {"datadog.0 (datadog)": (2, 2), "S3, through Firehose shop_web": (2, 2)}


def test_an_index_for_each_container(images: Images, tmp_path: Path) -> None:
    async def test(server: Server) -> Up:
        task = example("shop-search", tmp_path, ES_HOST="127.0.0.1", ES_PORT=str(server.port), ES_TLS="Off")
        # the other is not essential: this one waits for it
        waits = [{"containerName": "worker", "condition": "SUCCESS"}]
        changed(task, web={**prints("GET / 200", "GET /health 200"), "dependsOn": waits}, worker=prints("sold"))
        return await up(task, "--image", f"web={images.busybox}", "--image", f"worker={images.busybox}")

    run, requests = with_server(bulk(types=False), test)
    found = [json.loads(line) for request in requests for line in request.body.splitlines()]
    pairs = {(a["create"]["_index"][:-11], d["log"]) for a, d in zip(found[::2], found[1::2], strict=True)}
    assert pairs == {("shop-web", "GET / 200"), ("shop-worker", "sold")}
    assert "Every one of 3 lines is accounted for." in run.shown


# -- nothing is lost ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("router", ["container", "process"])
def test_10000_lines_and_the_end_of_the_container(images: Images, tmp_path: Path, router: str) -> None:
    task = task_of(tmp_path, images, shell("app", f"seq 1 {COUNT}"))
    where = ["--image", f"log_router={images.router}"] if router == "container" else []
    run = asyncio.run(up(task, "--docker", "--no-async", *where))
    assert run.rows() == {"CloudWatch Logs /app": (COUNT, COUNT)}
    assert f"Every one of {COUNT} lines is accounted for." in run.shown


def test_what_docker_throws_away_is_told(images: Images, tmp_path: Path) -> None:
    """Its driver does not wait for the router, and at the end of the container forgets what it has not sent yet."""
    task = task_of(tmp_path, images, shell("app", "seq 1 10000"))

    async def scenario() -> tuple[int, Up]:
        run = await Up.start(task, "--docker")
        return await run.end(), run

    status, run = asyncio.run(scenario())
    expected, arrived = run.rows()["CloudWatch Logs /app"]
    assert expected == 10_000
    if arrived < expected:
        assert status == 1
        assert f"10000 lines were sent to the router, and it read {arrived}" in run.shown
        assert "Docker's log driver throws away what still waits when a container ends" in run.shown
    else:
        assert status == 0


LOGGER = """
import os, socket, sys
sys.path[:0] = __import__("glob").glob("/opt/pyrolens/lib/python3*/site-packages")
import msgpack
with socket.create_connection((os.environ["FLUENT_HOST"], int(os.environ["FLUENT_PORT"]))) as out:
    for number in range(10000):
        out.sendall(msgpack.packb(["app.logger", 1700000000, {"number": number}]))
print("sent")
"""


@pytest.mark.parametrize(("mode", "router"), [("awsvpc", "container"), ("bridge", "container"), ("awsvpc", "process")])
def test_10000_records_of_a_logger_in_the_application(images: Images, tmp_path: Path, mode: str, router: str) -> None:
    """By TCP, at FLUENT_HOST."""
    extra = tmp_path / "extra.conf"
    extra.write_text(
        "[OUTPUT]\n    Name kinesis_firehose\n    Match app.logger\n    region eu-west-1\n    delivery_stream logger\n"
    )
    app = {"name": "app", "image": images.router, "entryPoint": ["/opt/pyrolens/bin/python", "-c", LOGGER]}
    task = task_of(tmp_path, images, app, mode=mode)
    changed(task, log_router={"firelensConfiguration": {"type": "fluentbit", "options": {
        "config-file-type": "file", "config-file-value": "/extra.conf",
    }}})  # fmt: skip
    where = ["--image", f"log_router={images.router}"] if router == "container" else []
    run = asyncio.run(up(task, "--docker", *where))
    assert run.rows() == {"S3, through Firehose logger": (COUNT, COUNT), "CloudWatch Logs /app": (1, 1)}


# -- what ECS does ----------------------------------------------------------------------------------------------------


def test_each_starts_when_what_it_waits_for_is_so_and_stops_before_it(images: Images, tmp_path: Path) -> None:
    volume = {"mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}]}
    waits = [{"containerName": "migrate", "condition": "SUCCESS"}, {"containerName": "store", "condition": "HEALTHY"}]
    healthy = {"command": ["CMD-SHELL", "test -e /shared/ready"], "interval": 1, "retries": 100}
    task = task_of(
        tmp_path, images,
        shell("web", "cat /shared/schema; " + FOREVER, dependsOn=waits, **volume),
        shell("migrate", "echo made > /shared/schema; exec sleep 0.5", essential=False, **volume),
        shell("store", "touch /shared/ready; " + FOREVER, healthCheck=healthy, **volume),
        shell("stubborn", "trap 'echo no' TERM; echo up; while :; do sleep 0.1; done", stopTimeout=2),
        volumes=[{"name": "shared"}],
    )  # fmt: skip

    async def scenario() -> Up:
        run = await Up.start(task, "--docker", "--image", f"log_router={images.router}")
        await run.until("web │")
        await run.until("• Started web")
        run.process.send_signal(signal.SIGINT)
        assert await run.end() == 0, run.shown
        return run

    run = asyncio.run(scenario())
    assert shown(run, "web") == ["made", "up", "bye"]
    assert shown(run, "store") == ["up", "bye"]
    assert shown(run, "stubborn")[:2] == ["up", "no"]
    assert "container 'stubborn' was killed: it did not end within 2 s" in run.shown
    order = re.findall(r"^• Started (\w+)|^ *(web|store) │ \S+ bye", run.shown, re.MULTILINE)
    names = [start or f"stop {stop}" for start, stop in order]
    assert names.index("migrate") < names.index("web")
    assert names.index("store") < names.index("web") < names.index("stop web") < names.index("stop store")


@pytest.mark.parametrize(
    ("members", "other", "why"),
    [
        ({"dependsOn": [{"containerName": "first", "condition": "SUCCESS"}]}, shell("first", "exit 3", essential=False),
         "'app' waits for 'first' to be a SUCCESS, and it ended with status 3"),
        ({"dependsOn": [{"containerName": "first", "condition": "COMPLETE"}]},
         shell("first", "sleep 100", essential=False, startTimeout=1, stopTimeout=1),
         "'app' waits for 'first' to be COMPLETE, which took longer than its startTimeout of 1 seconds"),
        ({}, shell("first", "sleep 100", stopTimeout=1,
                   healthCheck={"command": ["CMD", "false"], "interval": 1, "retries": 1}),
         "container 'first' is unhealthy"),
    ],
)  # fmt: skip
def test_why_a_task_stops(
    images: Images, tmp_path: Path, members: dict[str, Any], other: dict[str, Any], why: str
) -> None:
    task = task_of(tmp_path, images, shell("app", "sleep 100", stopTimeout=1, **members), dict(other))

    async def scenario() -> Up:
        run = await Up.start(task, "--docker")
        assert await run.end() == 1, run.shown
        return run

    assert why in asyncio.run(scenario()).shown


def test_a_container_without_memory(images: Images, tmp_path: Path) -> None:
    task = task_of(tmp_path, images, shell("app", "exec tail /dev/zero", memory=8))
    run = asyncio.run(up(task, "--docker"))
    why = "out of memory: it has|killed: by somebody, or by the kernel for its memory of"
    assert re.search(rf"container 'app', with status 137 \(({why}) 8 MiB\); the task stops", run.shown), run.shown


def test_what_a_container_is_told(images: Images, tmp_path: Path) -> None:
    ask = "for path in '' /task; do wget -qO- $ECS_CONTAINER_METADATA_URI_V4$path; echo; done; "
    ask += "wget -qO- $AWS_CONTAINER_CREDENTIALS_FULL_URI | tr -d '\\n' | cut -c1-60; "
    ask += "id -u; pwd; cat /proc/self/limits | grep files; hostname"
    members = {
        "user": "1000", "workingDirectory": "/etc", "ulimits": [{"name": "nofile", "softLimit": 321, "hardLimit": 654}],
        "hostname": "own", "memory": 64,
    }  # fmt: skip
    task = task_of(tmp_path, images, shell("app", ask, **members), mode="bridge")
    run = asyncio.run(up(task, "--docker", "--cluster", "market"))
    metadata, of_task, credentials, *rest = [re.sub(r"\s+", " ", line).strip() for line in shown(run, "app")]
    assert '"Name": "app"' in metadata
    assert '"Cluster": "market"' in of_task
    assert credentials.startswith('{"RoleArn": "arn:aws:iam::123456789012:role/task"')
    assert rest == ["1000", "/etc", "Max open files 321 654 files", "own"]


CONNECTS = """\
#!/usr/bin/env python3
import os, socket
socket.create_connection((os.environ["FLUENT_HOST"], int(os.environ["FLUENT_PORT"]))).close()
print("reached")
"""


def test_processes_beside_containers(images: Images, tmp_path: Path) -> None:
    """A process logs to the router in a container: by its driver, and by the port at FLUENT_HOST."""
    waits = [{"containerName": "outside", "condition": "COMPLETE"}]
    outside = {"name": "outside", "essential": False}
    task = task_of(tmp_path, images, shell("inside", "echo hello", dependsOn=waits), outside)
    ask = f"exec {json.dumps(str(tmp_path / 'logger'))}"
    (tmp_path / "logger").write_text(CONNECTS)
    (tmp_path / "logger").chmod(0o755)
    run = asyncio.run(up(task, "--image", f"log_router={images.router}", "--exec", f"outside={ask}"))
    assert run.rows() == {"CloudWatch Logs /inside": (1, 1), "CloudWatch Logs /outside": (1, 1)}
    assert shown(run, "outside") == ["reached"]


@pytest.mark.parametrize("mode", ["host", "none"])
def test_other_networks(images: Images, tmp_path: Path, mode: str) -> None:
    task = task_of(tmp_path, images, shell("app", "echo hello; ls /sys/class/net | wc -l"), mode=mode)
    run = asyncio.run(up(task, "--docker"))
    hello, interfaces = shown(run, "app")
    assert hello == "hello"
    assert (int(interfaces) == 1) is (mode == "none")


def test_what_cannot_be(images: Images, tmp_path: Path) -> None:
    async def refused(task: Path, *arguments: str, **environment: str) -> str:
        run = await Up.start(task, *arguments, **environment)
        assert await run.end() == 1, run.shown
        return run.shown

    waits = [{"containerName": "other", "condition": "HEALTHY"}]
    both = task_of(tmp_path, images, shell("app", "true", dependsOn=waits), shell("other", "true"))
    said = asyncio.run(refused(both, "--image", f"nobody={images.busybox}", "--image", "app=x", "--exec", "app=true"))
    assert "--image nobody: the task has no such container" in said
    assert "'app' is given both --exec and --image" in said
    assert "'other' has no healthCheck, so it is never HEALTHY, and this waits for ever" in said
    absent = task_of(tmp_path, images, shell("app", "true", image="localhost:1/no/such:1"))
    assert "image 'localhost:1/no/such:1' is not here, and cannot be pulled" in asyncio.run(refused(absent, "--docker"))
    alone = task_of(tmp_path, images, shell("app", "no-such-program"))
    said = asyncio.run(refused(alone, "--docker", DOCKER_HOST=f"unix://{tmp_path}/none.sock"))
    assert "no Docker engine answers" in said


def test_the_examples_are_those_of_the_articles() -> None:
    names = ["color-app", "shop-config", "shop-datadog", "shop-events", "shop-search"]
    assert all((EXAMPLES / name / "task-definition.json").exists() for name in names)
