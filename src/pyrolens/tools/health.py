"""pyrolens health: a container's health check, by the router's HTTP API. It starts in a blink, since it runs often.

Source: ECS developer guide, container health checks: 0 is healthy, anything else is not.
"""

import argparse
import json
import socket
import sys
from collections.abc import Sequence

HEALTHY, UNHEALTHY = 0, 1
PATHS = {False: "/api/v1/uptime", True: "/api/v1/health?verbose"}
"""Whether it runs; whether its outputs work, too."""
MOST = 1024 * 1024
"""Bytes of an answer."""


def main(argv: Sequence[str]) -> int:
    """0: it is well. 1: it is not, or does not answer."""
    args = arguments().parse_args(argv)
    try:
        status, body = ask(args.host, args.port, PATHS[args.outputs], args.timeout)
    except OSError as why:
        print(f"unhealthy: no answer of the router at {args.host}:{args.port}: {_reason(why)}", file=sys.stderr)
        if isinstance(why, ConnectionRefusedError):
            print("  hint: HTTP_Server On in [SERVICE], or -H on the router's command line", file=sys.stderr)
        return UNHEALTHY
    if status != 200:
        print(f"unhealthy: HTTP {status}{_told(body)}", file=sys.stderr)
        if status == 404 and args.outputs:
            print("  hint: Health_Check On in [SERVICE]", file=sys.stderr)
        return UNHEALTHY
    print(f"healthy{_told(body)}")
    return HEALTHY


def ask(host: str, port: int, path: str, seconds: float) -> tuple[int, bytes]:
    """Status and body. Raises: OSError."""
    with socket.create_connection((host, port), timeout=seconds) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        data = b""
        while len(data) < MOST and (part := connection.recv(65536)):
            data += part
    first, _, rest = data.partition(b"\r\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise OSError("what answers is no HTTP server")
    return int(words[1]), rest.partition(b"\r\n\r\n")[2]


def _reason(why: OSError) -> str:
    return "it takes too long" if isinstance(why, TimeoutError) else why.strerror or str(why)


def _told(body: bytes) -> str:
    """What the answer says, on one line."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    if isinstance(said, dict) and isinstance(said.get("uptime_sec"), int):
        return f": up for {said['uptime_sec']} seconds"
    return f": {json.dumps(said)}"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens health",
        description="Ask the router on this machine whether it is well. Exit status 0: yes. 1: no, or no answer.",
        epilog='As a health check of ECS: "healthCheck": {"command": ["CMD", "pyrolens", "health"]}',
    )
    parser.add_argument("--host", default="127.0.0.1", help="the router's HTTP_Listen (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=2020, help="its HTTP_Port (default: 2020)")
    parser.add_argument(
        "--outputs",
        action="store_true",
        help="no also when outputs fail more than HC_Errors_Count and HC_Retry_Failure_Count allow. A destination that "
        "is down then ends all tasks that use it",
    )
    parser.add_argument("--timeout", type=float, default=3.0, metavar="SECONDS", help="for the answer (default: 3)")
    return parser
