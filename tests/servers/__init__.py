"""Programs of others as destinations: OpenSearch and Kafka from their Maven packages, rsyslog, Fluent Bit.

They are started by the tests, listen on the loopback only, and end with them. Where one is not there its tests are
skipped with the reason; with PYROLENS_SERVERS=required, as in .ci/run, they fail.
"""
