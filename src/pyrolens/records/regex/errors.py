"""What is said of a pattern that does not compile."""


class PatternError(ValueError):
    """A pattern that Fluent Bit refuses too. `offset`: of the character in the pattern, from 0."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at character {offset + 1})")
        self.message, self.offset = message, offset

    def moved(self, by: int) -> "PatternError":
        return PatternError(self.message, self.offset + by)
