"""What this machine needs for the least that any router in Python must do: decode each event and encode it again."""

import time

import msgpack
import msgspec

from bench.corpus import Corpus

READ = 256 * 1024
"""Bytes at a time, as they come out of a socket."""


def microseconds(corpus: Corpus, rounds: int = 10) -> float:
    """CPU per event: find the messages in the bytes, decode them with msgspec, encode their records as JSON lines."""
    blocks, block, size = [], [], 0
    for frame in corpus.frames:
        block.append(frame)
        size += len(frame)
        if size >= READ:
            blocks.append(b"".join(block))
            block, size = [], 0
    if block:
        blocks.append(b"".join(block))
    decoder, encoder = msgspec.msgpack.Decoder(), msgspec.json.Encoder()
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for data in blocks:
            unpacker = msgpack.Unpacker(max_buffer_size=0)
            unpacker.feed(data)
            count = 0
            try:
                while True:
                    unpacker.skip()
                    count += 1
            except msgpack.OutOfData:
                pass
            events = decoder.decode(b"\xdd" + count.to_bytes(4, "big") + data)
            encoder.encode_lines([event[2] for event in events])
        best = min(best, time.process_time() - started)
    return best / len(corpus.frames) * 1e6
