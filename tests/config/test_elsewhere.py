import pytest

from pyrolens.config.elsewhere import FLUENT_BIT, INPUTS_INSTEAD, INSTEAD, PROCESSORS_INSTEAD, hint_for
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
        ("flowcounter", "how much goes where is at /api/v2/metrics/prometheus"),
        ("nats", "the outputs here: cloudwatch, "),
    ],
)
def test_outputs_of_fluent_bit_that_are_not_here(name: str, hint: str) -> None:
    assert hint_for("output", name).startswith(HEAD + hint)


def test_instead_is_for_outputs_that_are_not_here() -> None:
    assert {*INSTEAD} <= {*FLUENT_BIT["output"].split()} - {*names("output")}
    assert hint_for("input", "azure") == ""


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("node_exporter_metrics", "run Prometheus' node_exporter on the machine and let the input prometheus_scrape"),
        ("Nginx_Metrics", "run nginx-prometheus-exporter beside nginx"),
        ("kubernetes_events", "the router is made for ECS"),
        ("lib", "the inputs here: dummy, "),
    ],
)
def test_inputs_of_fluent_bit_that_are_not_here(name: str, hint: str) -> None:
    assert hint_for("input", name).startswith(HEAD + hint)
    assert {*INPUTS_INSTEAD} <= {*FLUENT_BIT["input"].split()}


def test_processors_of_fluent_bit_that_are_not_here() -> None:
    hint = hint_for("filter", "sql", processor=True)
    assert hint.startswith(HEAD + "the filters grep, modify")
    assert not {*PROCESSORS_INSTEAD} & {*names("filter")}
    assert HEAD not in hint_for("filter", "sql")


@pytest.mark.parametrize("kind", ["input", "filter", "output", "parser"])
def test_every_known_name_is_told(kind: PluginKind) -> None:
    listed = FLUENT_BIT[kind].split()
    assert listed == sorted(listed)
    missing = [name for name in listed if name not in names(kind)]
    assert all(hint_for(kind, name.upper()).startswith(HEAD) for name in missing)
