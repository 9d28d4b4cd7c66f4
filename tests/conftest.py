import pytest

from tests.conformance import table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # here, since pytest-xdist's controller reads no conftest.py further down
    table.write(terminalreporter)
