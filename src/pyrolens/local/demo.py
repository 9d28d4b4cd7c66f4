"""The requests of `up --demo`: a fixed mix of visitors, errors and the load balancer's health checks."""

import asyncio
import http.client
from collections.abc import Callable

VISITOR = "Mozilla/5.0 (X11; Linux x86_64) demo"
BALANCER = "ELB-HealthChecker/2.0"
MIX = [
    ("/health", BALANCER),
    ("/", VISITOR),
    ("/", VISITOR),
    ("/error", VISITOR),
    ("/health", BALANCER),
    ("/", VISITOR),
    ("/favicon.ico", VISITOR),
    ("/", VISITOR),
    ("/health", BALANCER),
    ("/error", VISITOR),
    ("/", VISITOR),
    ("/health", BALANCER),
]
ROUNDS = 3
CLOSED_WITHIN = 0.3
"""Seconds in which a connection to nobody is closed."""
PAUSE = 0.05
"""Seconds between requests: slow enough to be read along."""


async def wait_for(port: int, within: float, alive: Callable[[], bool]) -> bool:
    """True once something listens on the port of the loopback; False when nobody does in time, or any more."""
    ends = asyncio.get_running_loop().time() + within
    while alive() and asyncio.get_running_loop().time() < ends:
        if await _listens(port):
            return True
        await asyncio.sleep(0.02)
    return False


async def _listens(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        # a port of a container is Docker's: it takes the connection, and closes it when nobody is behind it
        return await asyncio.wait_for(reader.read(1), CLOSED_WITHIN) != b""
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()


async def send_mix(port: int) -> int:
    """Gives the number of requests that were answered."""
    answered = 0
    for path, agent in MIX * ROUNDS:
        answered += await asyncio.to_thread(_get, port, path, agent)
        await asyncio.sleep(PAUSE)
    return answered


def _get(port: int, path: str, agent: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"User-Agent": agent})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
