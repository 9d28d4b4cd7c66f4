#!/bin/sh
# The image's command. What is said here besides goes to the router: docker run IMAGE /entrypoint.sh -v
exec /fluent-bit/bin/fluent-bit -c /fluent-bit/etc/fluent-bit.conf "$@"
