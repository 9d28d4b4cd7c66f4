"""Each container's lines in an index of its own, one a day, in a service that asks for signed requests."""

import json
from collections import defaultdict
from pathlib import Path

from tests.end_to_end.running import Up, example, signature, up
from tests.net.servers import Request, Server, answer
from tests.outputs.sending import with_server
from tests.outputs.vendors import bulk

WEB = "web=echo 'GET / 200'; echo 'GET /health 200'; echo 'GET /cart 500' >&2; until [ -e sold ]; do sleep 0.02; done"
WORKER = "worker=echo 'sold 3 hats'; : > sold"


def test_an_index_for_each_container_and_day(tmp_path: Path) -> None:
    api = bulk(types=False)

    def respond(request: Request) -> bytes | None:
        if request.headers.get("authorization") != signature(request, "es", "eu-west-1"):
            return answer(403, b'{"message":"The request signature we calculated does not match"}')
        return api(request)

    async def test(server: Server) -> Up:
        task = example("shop-search", tmp_path, ES_HOST="127.0.0.1", ES_PORT=str(server.port), ES_TLS="Off")
        return await up(task, "--exec", WEB, "--exec", WORKER, "--cluster", "market")

    run, requests = with_server(respond, test)
    found = defaultdict(list)
    for request in requests:
        lines = [json.loads(line) for line in request.body.splitlines()]
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            container, _, day = action["create"]["_index"].partition("-20")
            assert document["@timestamp"].startswith(f"20{day}T")
            assert (document["ecs_cluster"], document["ecs_task_definition"]) == ("market", "shop:1")
            found[container].append((document["source"], document["log"]))
    assert {container: sorted(lines) for container, lines in found.items()} == {
        "shop-web": [("stderr", "GET /cart 500"), ("stdout", "GET / 200")],
        "shop-worker": [("stdout", "sold 3 hats")],
    }
    assert run.rows() == {"es.0 (es)": (2, 2), "es.1 (es)": (1, 1)}
    assert "Every one of 4 lines is accounted for." in run.shown
