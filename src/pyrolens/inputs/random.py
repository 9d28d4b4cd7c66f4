"""input random: random numbers.

Source: Fluent Bit 5.1.1 plugins/in_random/random.c.
"""

import os
from collections.abc import Iterable

from pyrolens.api import Input, InputEnv, Record, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking


@plugin("random")
class Random(Input):
    """Make up records with a random number of 64 bits, for tests."""

    samples: int = opt("Records to make; below 0: no end of them.", default=-1)
    every: Every = group(Every)

    def open(self, env: InputEnv) -> Source:
        left = self.samples

        def look(since: float) -> Iterable[Record]:
            nonlocal left
            if left == 0:
                source.pause()
                return
            left -= 1
            yield {"rand_value": int.from_bytes(os.urandom(8))}

        source = Looking(env, self.every.seconds, look)
        return source
