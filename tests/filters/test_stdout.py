import pytest

from pyrolens.api import Stamp
from pyrolens.filters.stdout import StdoutFilter
from tests.filters.trial import NOW
from tests.lent import Lent


def test_it_prints_and_passes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    events = [(NOW + 5, {"log": "a\udcff", "n": 1.5}), (Stamp(NOW, {"k": True}), {})]
    assert StdoutFilter().compile(Lent())("app.web", events) is events
    assert capfdbinary.readouterr().out == (
        b'[0] app.web: [1780000000.000000005, {}, {"log"=>"a\xff", "n"=>1.500000}]\n'
        b'[1] app.web: [1780000000.000000000, {"k"=>true}, {}]\n'
    )
