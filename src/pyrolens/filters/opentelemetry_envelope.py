"""processor opentelemetry_envelope.

Source: Fluent Bit 5.1.1 plugins/processor_opentelemetry_envelope/otel_envelope.c. What its output opentelemetry sends
is the same with and without it, unless content_modifier puts attributes into the envelope.
"""

from pyrolens.api import Filter, FilterEnv, Transform, plugin


@plugin("opentelemetry_envelope")
class OpentelemetryEnvelope(Filter):
    """Does nothing: the output opentelemetry puts records into a resource and a scope by itself. It is a processor."""

    only_processor = True
    differs = (
        "there are no groups of records: the output stdout prints none, and content_modifier has no resource or scope"
        " to put attributes into",
    )

    def compile(self, env: FilterEnv) -> Transform:
        env.log.warning("it has no effect: the output opentelemetry makes the envelope by itself")
        return lambda tag, events: events
