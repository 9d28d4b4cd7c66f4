"""How a case ended."""

from typing import Literal, NamedTuple


class Verdict(NamedTuple):
    """`apart`: Fluent Bit itself goes round for ever or aborts here, or the case belongs to another day; the router
    need only have stayed alive."""

    word: Literal["pass", "fail", "apart"]
    why: str = ""
