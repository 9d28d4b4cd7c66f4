"""The bytes of protobuf: https://protobuf.dev/programming-guides/encoding"""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of fields."""


def varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def part(tag: bytes, data: bytes) -> bytes:
    """A field of bytes, of text or of another message. tag: number << 3 | BYTES."""
    return tag + varint(len(data)) + data


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """The fields of a message up to the first that cannot be read."""
    out: list[tuple[int, int | bytes]] = []
    at = 0
    try:
        while at < len(data):
            tag, at = _read_varint(data, at)
            kind = tag & 7
            value: int | bytes
            if kind == VARINT:
                value, at = _read_varint(data, at)
            elif kind == BYTES:
                size, at = _read_varint(data, at)
                value, at = data[at : at + size], at + size
            elif kind in (FIXED64, FIXED32):
                size = 8 if kind == FIXED64 else 4
                value, at = data[at : at + size], at + size
            else:
                break
            out.append((tag >> 3, value))
    except IndexError:
        pass
    return out


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number, and where it ends. Raises: IndexError."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
