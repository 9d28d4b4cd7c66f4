"""Where credentials come from: a chain of places, asked in turn, and kept until shortly before they end.

Source: Fluent Bit 5.1.1 src/aws/flb_aws_credentials*.c, for the order of the chain and the requests that it makes.
Differs: a profile may name a role with source_profile; AWS_EC2_METADATA_DISABLED is honoured; the metadata service
of EC2 is given two seconds, so that a task without any credentials says so soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from pyrolens.aws.sign import Credentials

Provider = Callable[[], Awaitable[Credentials | None]]
"""Gives credentials, or None where this place has none. Raises: CredentialsError where it should have some."""

Assume = Callable[[Credentials, str, str | None, str | None], Awaitable[Credentials]]
"""(own credentials, role, external id, name of the session) -> the role's. Raises: CredentialsError."""

REFRESH_BEFORE = 300.0
"""Seconds before their end at which credentials are renewed."""
PAUSE = 5.0
"""Seconds between refreshes that were asked for because the service refused the credentials."""


class CredentialsError(Exception):
    """No credentials, and why; nothing secret in the text."""


class Chain:
    """The first of several places that has credentials."""

    def __init__(self, providers: Sequence[tuple[str, Provider]]) -> None:
        self._providers = providers

    async def __call__(self) -> Credentials:
        """Raises: CredentialsError with what each place said."""
        tried = []
        for name, provider in self._providers:
            try:
                found = await provider()
            except CredentialsError as why:
                tried.append(f"{name}: {why}")
                continue
            if found:
                return found
            tried.append(f"{name}: none")
        raise CredentialsError(f"no AWS credentials found ({'; '.join(tried)})")


class Cache:
    """Keeps what a provider gave. Only one request is under way, however many wait for it."""

    def __init__(self, provider: Callable[[], Awaitable[Credentials]], clock: Callable[[], float] = time.time) -> None:
        self._provider = provider
        self._clock = clock
        self._kept: Credentials | None = None
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self) -> Credentials:
        """Credentials that are good for a while. Raises: CredentialsError."""
        kept = self._kept
        if kept is not None and (kept.expires is None or kept.expires - self._clock() > REFRESH_BEFORE):
            return kept
        async with self._lock:
            if self._kept is not kept and self._kept is not None:
                return self._kept  # someone else has just got them
            try:
                self._kept = await self._provider()
            except CredentialsError:
                if kept is None or (kept.expires is not None and kept.expires <= self._clock()):
                    raise
                return kept  # the old ones are good for some minutes yet
            return self._kept

    async def renewed(self, refused: Credentials) -> Credentials | None:
        """Other credentials than those that a service refused; None if there are none, or were just asked for."""
        if self._kept is not None and self._kept != refused:
            return self._kept
        if self._clock() - self._asked < PAUSE:
            return None
        self._asked = self._clock()
        self._kept = None
        try:
            found = await self.get()
        except CredentialsError:
            return None
        return found
