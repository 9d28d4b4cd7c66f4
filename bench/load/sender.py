"""A process that writes numbered lines of 1 KB to a Unix socket at a rate, each as Docker's log driver does.

usage: sender.py SOCKET RATE LINES      prints the seconds that it took, when the other side has read all of it

A line that cannot be written in time is written later, so that all of them are sent, whatever the router does."""

import socket
import sys
import time

import msgpack

LINE = 1000
"""Bytes of a log line."""
TAG = "app-firelens-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
MOST = 500
"""Lines of a write."""


def frame() -> tuple[bytes, bytes]:
    """What stands before and after the number in the encoded event."""
    record = {
        "log": f"no=000000000 {'x' * (LINE - 13)}",
        "container_id": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "container_name": "/ecs-app-12-app-f0e1d2c3b4a5968778",
        "source": "stdout",
    }
    now = msgpack.ExtType(0, int(time.time()).to_bytes(4, "big") + bytes(4))
    before, after = msgpack.packb([TAG, now, record, {}]).split(b"no=000000000")
    return before + b"no=", after


def main() -> None:
    path, rate, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    before, after = frame()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        begin, sent = time.monotonic(), 0
        while sent < lines:
            due = min(int((time.monotonic() - begin) * rate), lines)
            if due == sent:
                time.sleep(0.005)
                continue
            until = min(due, sent + MOST)
            connection.sendall(b"".join([b"%b%09d%b" % (before, n, after) for n in range(sent, until)]))
            sent = until
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        print(f"{time.monotonic() - begin:.3f}", flush=True)


if __name__ == "__main__":
    main()
