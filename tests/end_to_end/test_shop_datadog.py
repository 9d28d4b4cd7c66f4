"""Every line to Datadog, with the key that was kept secret, and to S3."""

import gzip
import json
from pathlib import Path

from tests.end_to_end.running import Up, example, up
from tests.net.servers import Server
from tests.outputs.sending import with_server
from tests.outputs.vendors import datadog

WEB = "web=echo 'GET / 200'; echo 'GET /cart 500' >&2; echo '{\"level\":\"info\"}'"


def test_every_line_is_in_datadog_and_in_s3(tmp_path: Path) -> None:
    async def test(server: Server) -> Up:
        task = example("shop-datadog", tmp_path, DD_HOST="127.0.0.1", DD_PORT=str(server.port), DD_TLS="Off")
        # the stand-in takes no other key
        return await up(task, "--exec", WEB, DD_API_KEY="KEY")

    run, requests = with_server(datadog, test)
    logs = [log for request in requests for log in json.loads(gzip.decompress(request.body))]
    about = {"service": "shop-web", "ddsource": "fargate", "ddtags": "env:staging,team:shop"}
    assert sorted(log["message"] for log in logs) == ["GET / 200", "GET /cart 500", '{"level":"info"}']
    assert [{key: log[key] for key in about} for log in logs] == [about] * 3
    assert run.rows() == {"datadog.0 (datadog)": (3, 3), "S3, through Firehose shop_web": (3, 3)}
    assert "• Made delivery stream shop_web to that bucket (eu-west-1)" in run.shown
    assert "Every one of 3 lines is accounted for." in run.shown
    assert "not-a-secret" not in run.shown
