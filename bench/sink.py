"""A process that is the destination: it answers every POST with 200 and counts the lines of the bodies.

usage: sink.py [KEEP_FILE]      prints its port; GET / answers with the count; bodies are added to KEEP_FILE
"""

import socket
import sys
import threading
from typing import BinaryIO

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n"


class Sink:
    def __init__(self, keep: BinaryIO | None) -> None:
        self.count = 0
        self.keep = keep
        self.lock = threading.Lock()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb", buffering=1 << 18) as stream:
            while line := stream.readline():
                length, waits = -1, False
                while (header := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = header.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                    elif name.lower() == b"expect":
                        waits = True
                if line.startswith(b"GET"):
                    text = str(self.count).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
                    continue
                if length < 0:
                    connection.sendall(REFUSED)
                    return
                if waits:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = stream.read(length)
                if len(body) != length:
                    return
                self.take(body)
                connection.sendall(OK)

    def take(self, body: bytes) -> None:
        lines = body.count(b"\n") + (bool(body) and not body.endswith(b"\n"))
        with self.lock:
            self.count += lines
            if self.keep:
                self.keep.write(body if body.endswith(b"\n") else body + b"\n")
                self.keep.flush()


def main() -> None:
    sink = Sink(open(sys.argv[1], "ab") if len(sys.argv) > 1 else None)  # noqa: SIM115
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=sink.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
