"""It does nothing, and says so."""

from pyrolens.api import Record
from pyrolens.filters.opentelemetry_envelope import OpentelemetryEnvelope
from tests.filters.trial import records
from tests.lent import Lent


def test_records_stay_as_they_are() -> None:
    env = Lent()
    given: list[Record] = [{"log": "x"}, {"n": 1}]
    assert records(OpentelemetryEnvelope(), given, env) == given
    assert [level for level, _, _ in env.said.lines] == ["warning"]
