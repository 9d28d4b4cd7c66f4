"""The examples, run by `pyrolens up` as a user runs it, beside servers that stand in for vendors."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from pyrolens.local.embedded_aws import KEYS
from tests.net.servers import Request

EXAMPLES = Path(__file__).parents[2] / "examples"
WITHIN = 120.0
"""Seconds for one run."""


def example(name: str, folder: Path, **variables: str) -> Path:
    """The task definition of a copy of an example, in which variables of the containers have other values."""
    copy = folder / name
    shutil.copytree(EXAMPLES / name, copy)
    file = copy / "task-definition.json"
    definition = json.loads(file.read_text())
    left = set(variables)
    for container in definition["containerDefinitions"]:
        for variable in container.get("environment", ()):
            if variable["name"] in variables:
                variable["value"] = variables[variable["name"]]
                left.discard(variable["name"])
    assert not left, f"the example does not have {left}"
    file.write_text(json.dumps(definition))
    return file


class Up:
    """One run. What it prints is in `shown`, blanks squeezed, without what is cut at the terminal's width."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.shown = ""

    @classmethod
    async def start(cls, *arguments: object, **environment: str) -> "Up":
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "pyrolens", "up", *map(str, arguments),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "COLUMNS": "250", "NO_COLOR": "1", **environment},
            )
        )  # fmt: skip

    async def until(self, text: str) -> None:
        """Read on to the line that holds the text."""
        assert self.process.stdout
        while line := await self.process.stdout.readline():
            self.shown += line.decode()
            if text in line.decode():
                return
        raise AssertionError(f"{text!r} did not come:\n{self.shown}")

    async def end(self) -> int:
        assert self.process.stdout
        self.shown += (await self.process.stdout.read()).decode()
        return await self.process.wait()

    def rows(self) -> dict[str, tuple[int, int]]:
        """(expected, arrived) by destination."""
        found = re.findall(r"^ *(\S.*?) +(\d+) +(\d+) +\d+ +(?:read back|the router's count) *$", self.shown, re.M)
        return {title: (int(expected), int(arrived)) for title, expected, arrived in found}


async def up(*arguments: object, **environment: str) -> Up:
    """A run that ends by itself, and well."""
    run = await Up.start(*arguments, **environment)
    assert await run.end() == 0, run.shown
    return run


class Signer(botocore.auth.SigV4Auth):  # type: ignore[misc]
    def headers_to_sign(self, request: Any) -> Any:
        """All of them: the library itself leaves out some, such as User-Agent, which others may sign."""
        return request.headers


def signature(request: Request, service: str, region: str) -> str:
    """The Authorization header that AWS's own library gives the request, with the keys of `up`."""
    signed = re.search(r"SignedHeaders=([^,]+)", request.headers.get("authorization", ""))
    names = signed[1].split(";") if signed else []
    headers = {name: request.headers[name] for name in names}
    url = f"http://{request.headers['host']}{request.target}"
    made: Any = botocore.awsrequest.AWSRequest(request.method, url, headers, request.body)
    made.context["timestamp"] = request.headers.get("x-amz-date", "")
    keys = botocore.credentials.Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
    signer = Signer(keys, service, region)
    text = signer.string_to_sign(made, signer.canonical_request(made))
    scope = f"{KEYS['AWS_ACCESS_KEY_ID']}/{signer.credential_scope(made)}"
    listed = ";".join(names)
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={listed}, Signature={signer.signature(text, made)}"
