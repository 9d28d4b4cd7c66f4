"""output counter.

Source: Fluent Bit 5.1.1 plugins/out_counter/counter.c."""

from pyrolens.api import DELIVERED, Chunk, Encode, Event, Limits, Outcome, Output, OutputEnv, Parcel, plugin
from pyrolens.outputs._standard_out import write_out


@plugin("counter")
class Counter(Output):
    """Print how many records each chunk has."""

    def open(self, env: OutputEnv) -> "CounterSink":
        return CounterSink(env)


class CounterSink:
    limits = Limits(calls=1)

    def __init__(self, env: OutputEnv) -> None:
        self.env = env

    def encoder(self, tag: str) -> Encode:
        def encode(events: list[Event]) -> list[Parcel]:
            return [Parcel(tag, [b""], len(events), 0)]

        return encode

    async def start(self) -> None:
        pass

    async def deliver(self, chunk: Chunk) -> Outcome:
        n = chunk.records
        line = f'{{"ts":{self.env.now() / 1e9:.6f},"serialized_events":{n},"log_records":{n},"total":{n}}}\n'
        await write_out(line.encode())
        return DELIVERED

    async def close(self) -> None:
        pass
