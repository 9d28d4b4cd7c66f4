"""What is wrong when something cannot be had from elsewhere."""


class RemoteError(Exception):
    """It cannot be had, and why; nothing secret in the text. `hint`: a way out. `again`: another try may help."""

    def __init__(self, message: str, hint: str = "", *, again: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.again = again
