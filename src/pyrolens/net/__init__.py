"""HTTP for outputs: one small client on the router's own event loop."""

from pyrolens.net.client import Client
from pyrolens.net.compress import COMPRESSORS, compressor
from pyrolens.net.errors import NetError
from pyrolens.net.wire import Response

__all__ = ["COMPRESSORS", "Client", "NetError", "Response", "compressor"]
