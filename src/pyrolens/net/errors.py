"""What can go wrong on the way to a server."""


class NetError(Exception):
    """A request that got no answer. The text is for people: who, what, and why.

    unanswered: the connection had been used before and was closed before any byte of an answer came."""

    def __init__(self, message: str, *, unanswered: bool = False) -> None:
        super().__init__(message)
        self.unanswered = unanswered
