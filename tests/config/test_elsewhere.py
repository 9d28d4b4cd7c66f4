import pytest

from pyrolens.config.elsewhere import FLUENT_BIT, INSTEAD, hint_for
from pyrolens.plugin import PluginKind, names

HEAD = "Fluent Bit has it, Pyrolens has not; "


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (
            "Stackdriver",
            "send to an OpenTelemetry collector with the output opentelemetry, which has exporters for Google",
        ),
        (
            "azure_kusto",
            "send to an OpenTelemetry collector with the output opentelemetry, which has exporters for Azure",
        ),
        ("kafka-rest", "use the output kafka"),
        ("prometheus_exporter", "the router's own metrics are at /api/v2/metrics/prometheus"),
        ("nats", "the outputs here: cloudwatch, "),
    ],
)
def test_outputs_of_fluent_bit_that_are_not_here(name: str, hint: str) -> None:
    assert hint_for("output", name).startswith(HEAD + hint)


def test_instead_is_for_outputs_that_are_not_here() -> None:
    assert {*INSTEAD} <= {*FLUENT_BIT["output"].split()} - {*names("output")}
    assert hint_for("input", "azure") == ""


@pytest.mark.parametrize("kind", ["input", "filter", "output", "parser"])
def test_every_known_name_is_told(kind: PluginKind) -> None:
    listed = FLUENT_BIT[kind].split()
    assert listed == sorted(listed)
    missing = [name for name in listed if name not in names(kind)]
    assert all(hint_for(kind, name.upper()).startswith(HEAD) for name in missing)
