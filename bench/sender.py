"""A process that writes a file of encoded events to a Unix socket, as fast as the other side reads.

usage: sender.py SOCKET FILE ROUNDS REST      the file ROUNDS times, and its first REST bytes once more
"""

import socket
import sys
from pathlib import Path

WRITE = 256 * 1024


def main() -> None:
    path, file, rounds, rest = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    whole = memoryview(file.read_bytes())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        for part in [whole] * rounds + [whole[:rest]]:
            for start in range(0, len(part), WRITE):
                connection.sendall(part[start : start + WRITE])
        # The router has read everything when it sees the end; close only then, so that nothing is cut off.
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


if __name__ == "__main__":
    main()
