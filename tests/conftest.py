import hypothesis
import pytest

from tests.conformance import table

# how long one example takes says more about the machine than about the code
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # here, since pytest-xdist's controller reads no conftest.py further down
    table.write(terminalreporter)
