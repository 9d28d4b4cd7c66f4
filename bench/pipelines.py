"""The two pipelines: the config that every router gets, and what must come out of it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import corpus
from bench.corpus import Corpus

Record = dict[str, Any]

METADATA = {
    "ecs_cluster": "prod",
    "ecs_task_arn": f"arn:aws:ecs:ap-northeast-1:123456789012:task/prod/{corpus.TASK}",
    "ecs_task_definition": "color-app:12",
}

SERVICE = """\
[SERVICE]
    Flush         1
    Grace         10
    Log_Level     warn
    HTTP_Server   On
    HTTP_Listen   127.0.0.1
    HTTP_Port     {api}
    Parsers_File  {folder}/parsers.conf
    storage.path  {folder}/storage

[INPUT]
    Name          forward
    unix_path     {folder}/in.sock
    storage.type  {storage}
{limit}
[FILTER]
    Name          record_modifier
    Match         *
"""

PARSERS = """\
[PARSER]
    Name        json
    Format      json
    Time_Key    time
    Time_Format %d/%b/%Y:%H:%M:%S %z
"""

ACCESS = r"""
[FILTER]
    Name          grep
    Match         *-firelens-*
    Exclude       log ^(?=.*ELB-HealthChecker\/2\.0).*$

[FILTER]
    Name          rewrite_tag
    Match         *-firelens-*
    Rule          $log (ERROR|\s4\d{2}\s|\s5\d{2}\s) error-$container_id false
    Emitter_Mem_Buf_Limit 200M

[FILTER]
    Name          record_modifier
    Match         error-*
    Remove_key    container_id
    Remove_key    container_name
    Remove_key    ecs_cluster
    Remove_key    ecs_task_arn
    Remove_key    source
"""

JSON = """
[FILTER]
    Name          parser
    Match         *-firelens-*
    Key_Name      log
    Parser        json
    Reserve_Data  On

[FILTER]
    Name          rewrite_tag
    Match         *-firelens-*
    Rule          $logClass ^EVENT_LOG$ event-log false
    Emitter_Mem_Buf_Limit 200M
"""

NULL = """
[OUTPUT]
    Name          null
    Match         *
"""

HTTP = """
[OUTPUT]
    Name          http
    Match         *
    Host          127.0.0.1
    Port          {sink}
    URI           /logs
    Format        json_lines
"""

ERROR = re.compile(r"(ERROR|\s4\d{2}\s|\s5\d{2}\s)")
REMOVED = ("container_id", "container_name", "ecs_cluster", "ecs_task_arn", "source")


def access_result(record: Record) -> Record | None:
    """What becomes of one event; None: dropped."""
    if "ELB-HealthChecker/2.0" in record["log"]:
        return None
    record = record | METADATA
    if ERROR.search(record["log"]):
        return {key: value for key, value in record.items() if key not in REMOVED}
    return record


def json_result(record: Record) -> Record | None:
    rest = {key: value for key, value in record.items() if key != "log"}
    return {**json.loads(record["log"]), **rest, **METADATA}


@dataclass(frozen=True)
class Pipeline:
    name: str
    corpus: Callable[[], Corpus]
    filters: str
    result: Callable[[Record], Record | None]

    def write(self, folder: Path, output: str, api: int, sink: int, limit: str, storage: str) -> Path:
        """Write the config into the folder and return its path. `storage`: memory or filesystem."""
        metadata = "".join(f"    Record        {key} {value}\n" for key, value in METADATA.items())
        (folder / "parsers.conf").write_text(PARSERS)
        path = folder / "router.conf"
        # with storage.path, outputs keep on disk what is left at a stop, so it is named only where that is measured
        service = SERVICE if storage == "filesystem" else SERVICE.replace("    storage.path  {folder}/storage\n", "")
        path.write_text(
            service.format(
                api=api, folder=folder, storage=storage, limit=f"    Mem_Buf_Limit {limit}\n" if limit else ""
            )
            + metadata
            + self.filters
            + {"null": NULL, "http": HTTP}[output].format(sink=sink)
        )
        return path


PIPELINES = (
    Pipeline("access", corpus.access, ACCESS, access_result),
    Pipeline("json", corpus.json_lines, JSON, json_result),
)
