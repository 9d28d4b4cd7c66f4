#!/bin/sh
# The command of the image with init: first fetch what the environment names, then be the router.
exec pyrolens init -- "$@"
