"""A running router's HTTP API, as commands ask it: where it is, what it answers, and what is wrong if it does not."""

import argparse
import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

TOKEN = "PYROLENS_HTTP_TOKEN"
"""Environment variable: http_token of the router. On the command line others could see it."""
PLACE = "PYROLENS_ROUTER"
"""Environment variable: where the router is."""
MOST = 8 * 1024 * 1024
"""Bytes of an answer."""
LONGEST = 2 * 1024 * 1024
"""Bytes of a line of a stream."""
SILENCE = 30.0
"""Seconds without a word after which a stream counts as dead; the router says something each ten."""


class ApiError(Exception):
    """The text is for people. `hint`: the way out."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint

    @property
    def lines(self) -> str:
        return f"{self}\n  hint: {self.hint}" if self.hint else str(self)


class RouterApi(NamedTuple):
    host: str
    port: int
    tls: bool = False
    timeout: float = 5.0
    """Seconds for an answer."""

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body. Raises: ApiError when there is no answer."""
        with self._answered(path, self.timeout) as response:
            body = response.read(MOST + 1)
            if len(body) > MOST:
                raise ApiError(f"the router at {self.address} answers too much")
            return response.status, body

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """The lines of an answer that goes on. Raises: ApiError, also when it is refused."""
        with self._answered(path, SILENCE) as response:
            if response.status != 200:
                raise refusal(self, response.status, response.read(MOST))
            yield self._lines(response)

    def _lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        while True:
            try:
                line = response.readline(LONGEST)
            except (OSError, http.client.HTTPException) as why:
                raise ApiError(f"the connection to the router at {self.address} is lost: {reason(why)}") from None
            if not line.endswith(b"\n"):
                return
            yield line

    @contextmanager
    def _answered(self, path: str, timeout: float) -> Iterator[http.client.HTTPResponse]:
        connection: http.client.HTTPConnection
        if self.tls:
            connection = http.client.HTTPSConnection(
                self.host, self.port, timeout=timeout, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        token = os.environ.get(TOKEN, "").strip()
        try:
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
                response = connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as why:
                raise ApiError(f"no answer of the router at {self.address}: {reason(why)}", hint_of(why)) from None
            yield response
        finally:
            connection.close()


def reason(why: Exception) -> str:
    if isinstance(why, TimeoutError):
        return "it takes too long"
    if isinstance(why, http.client.HTTPException):
        return "what answers is no HTTP server"
    if isinstance(why, (ssl.SSLError, socket.gaierror)):
        return str(why.args[-1])
    return getattr(why, "strerror", None) or str(why)


def hint_of(why: Exception) -> str:
    if isinstance(why, ConnectionRefusedError):
        return "HTTP_Server On in [SERVICE], -H on its command line, or PYROLENS_HTTP_SERVER=on in its environment"
    return ""


def refusal(api: RouterApi, status: int, body: bytes) -> ApiError:
    """What an answer means that is none."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    who = f"the router at {api.address}"
    if status == 401:
        return ApiError(
            f"{who} shows this to its own machine, or to who says its http_token",
            f"set {TOKEN} to the http_token of its [SERVICE]",
        )
    if isinstance(said, dict) and isinstance(said.get("error"), str):
        points = said.get("points")
        return ApiError(said["error"], f"there are {', '.join(map(str, points))}" if isinstance(points, list) else "")
    if status == 404:
        return ApiError(f"{who} does not know this request: it is an older Pyrolens, or another program")
    return ApiError(f"{who} answers HTTP {status}")


def add_router_options(parser: argparse.ArgumentParser) -> None:
    host, port = place_of(os.environ.get(PLACE, ""))
    group = parser.add_argument_group("the router", f"where {PLACE} says HOST:PORT, else 127.0.0.1:2020")
    group.add_argument("--host", default=host, help="its HTTP_Listen")
    group.add_argument("--port", type=int, default=port, help="its HTTP_Port")
    group.add_argument("--tls", action="store_true", help="by HTTPS, where a proxy in front of it speaks that")
    group.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS", help="for an answer (default: 5)")


def place_of(text: str) -> tuple[str, int]:
    """Of HOST:PORT, HOST or nothing."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = text, "2020"
    return host.strip("[]") or "127.0.0.1", int(port)


def router_of(args: argparse.Namespace) -> RouterApi:
    return RouterApi(args.host, args.port, args.tls, args.timeout)
