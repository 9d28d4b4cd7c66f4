"""Answers about the names of fields, remembered: a program's fields have few names, and each record asks again."""

from collections.abc import Callable
from typing import Any

MOST = 10_000


class Remembered(dict[Any, bool]):
    """remembered[name]: what `decide` said of that name. Forgets all when the names become too many."""

    def __init__(self, decide: Callable[[Any], bool]) -> None:
        super().__init__()
        self.decide = decide

    def __missing__(self, name: Any) -> bool:
        if len(self) >= MOST:
            self.clear()
        answer = self[name] = self.decide(name)
        return answer
