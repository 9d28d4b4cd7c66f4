"""The handshake of the forward protocol: shared key, and users with passwords.

Source: Forward Protocol Specification v1; plugins/in_forward/fw_prot.c (Fluent Bit 5.1.1).
"""

import hmac
import os
from dataclasses import dataclass
from hashlib import sha512
from typing import Any

import msgpack

SALT = 16
"""Bytes."""


@dataclass(frozen=True)
class Keys:
    """What a peer must know."""

    shared_key: str
    self_hostname: str
    users: dict[str, str]
    """Name -> password; empty: users are not asked for."""


class DeniedError(Exception):
    """The peer may not send. `answer`: what to tell it, if anything."""

    def __init__(self, reason: str, answer: bytes = b"") -> None:
        super().__init__(reason)
        self.answer = answer


class Handshake:
    """Of one connection: say `helo`, then give the first message of the peer to `pong`."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.nonce = os.urandom(SALT)
        self.salt = os.urandom(SALT) if keys.users else b""

    def helo(self) -> bytes:
        return _pack(["HELO", {"nonce": _text(self.nonce), "auth": _text(self.salt), "keepalive": True}])

    def pong(self, ping: Any) -> bytes:
        """The answer to a good PING. Raises: DeniedError."""
        if not (isinstance(ping, list) and len(ping) == 6 and ping[0] == "PING"):
            raise DeniedError("the peer did not begin with a PING; does it know of the shared key?")
        if not all(isinstance(part, (str, bytes)) for part in ping):
            raise DeniedError("the PING of the peer is not as it should be")
        hostname, key_salt, digest, username, password_digest = map(_bytes, ping[1:])
        key = self.keys.shared_key.encode()
        if not hmac.compare_digest(_digest(key_salt, hostname, self.nonce, key), digest):
            raise DeniedError("shared_key mismatch", self._no("shared_key mismatch"))
        if self.keys.users:
            name = username.decode("utf-8", "surrogateescape")
            # a wrong name costs as much time as a wrong password
            expected = _digest(self.salt, username, self.keys.users.get(name, "").encode())
            if not hmac.compare_digest(expected, password_digest) or name not in self.keys.users:
                raise DeniedError("username/password mismatch", self._no("username/password mismatch"))
        own = self.keys.self_hostname
        proof = _digest(key_salt, own.encode(), self.nonce, key)
        return _pack(["PONG", True, "", own, proof.decode()])

    @staticmethod
    def _no(reason: str) -> bytes:
        return _pack(["PONG", False, reason, "", ""])


def _digest(*parts: bytes) -> bytes:
    return sha512(b"".join(parts)).hexdigest().encode()


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors="surrogateescape")
    return packed
