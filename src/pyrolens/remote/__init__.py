"""What a config names and is no file of this machine: objects in S3, parameters of SSM, pages of HTTPS; and secrets."""

from pyrolens.remote.address import Address, read_address
from pyrolens.remote.errors import RemoteError
from pyrolens.remote.fetching import fetch, fetch_bytes, fetch_text, fetch_value, refetch

__all__ = ["Address", "RemoteError", "fetch", "fetch_bytes", "fetch_text", "fetch_value", "read_address", "refetch"]
