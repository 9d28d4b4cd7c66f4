from pyrolens.service.metrics import Metrics


def test_the_same_name_is_the_same_counter() -> None:
    metrics = Metrics(lambda: 100.0)
    metrics.input("forward.0").records += 2
    metrics.input("forward.0").records += 3
    metrics.output("mine", "http").errors += 1
    metrics.filter("grep.0").dropped += 1
    assert metrics.inputs["forward.0"].records == 5
    assert (metrics.inputs["forward.0"].plugin, metrics.outputs["mine"].plugin) == ("forward", "http")
    assert (metrics.started, metrics.uptime) == (100.0, 0.0)
