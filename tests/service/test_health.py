from dataclasses import dataclass

from pyrolens.service.health import Health, State


@dataclass
class Output:
    errors: int = 0
    retries_failed: int = 0
    name: str = "x.0"


def test_nothing_noted_is_healthy() -> None:
    assert Health(0, 0, 60).state() == State(True, 0, 0)


def test_more_than_allowed_is_unhealthy_until_it_is_out_of_the_period() -> None:
    health, one, other = Health(2, 5, 3), Output(errors=10), Output(name="x.1")
    health.note([one, other])
    assert health.state() == State(True, 0, 0)
    one.errors += 2
    health.note([one, other])
    assert health.state() == State(True, 2, 0)
    other.errors += 1
    health.note([one, other])
    assert health.state() == State(False, 3, 0)
    health.note([one, other])
    assert health.state() == State(True, 1, 0)
    health.note([one, other])
    assert health.state() == State(True, 0, 0)


def test_chunks_given_up_count_on_their_own() -> None:
    health, output = Health(5, 0, 60), Output()
    health.note([output])
    output.retries_failed = 1
    health.note([output])
    assert health.state() == State(False, 0, 1)
