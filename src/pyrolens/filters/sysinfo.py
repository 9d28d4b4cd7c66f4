"""filter sysinfo: the machine and the router, in every record.

Source: Fluent Bit 5.1.1 plugins/filter_sysinfo.
"""

import platform
import socket
import sys

from pyrolens.api import Filter, FilterEnv, Record, Transform, opt, plugin

VERSION = "5.1.1"
"""Of the Fluent Bit that this router stands in for."""
NAMES = {"linux": "linux", "darwin": "macos", "win32": "win64", "freebsd": "freebsd"}


@plugin("sysinfo")
class Sysinfo(Filter):
    """Add what machine the router runs on. Each option names the field; without any, records stay as they are."""

    fluentbit_version_key: str | None = opt(
        "Field for the version of Fluent Bit that the router is like.", default=None
    )
    os_name_key: str | None = opt("Field for the system: linux or macos.", default=None)
    hostname_key: str | None = opt("Field for the name of the host.", default=None)
    os_version_key: str | None = opt("Field for the version of the system, as uname -v prints it.", default=None)
    kernel_version_key: str | None = opt("Field for the release of the kernel, as uname -r prints it.", default=None)

    def compile(self, env: FilterEnv) -> Transform:
        values = (
            (self.fluentbit_version_key, VERSION),
            (
                self.os_name_key,
                next((name for system, name in NAMES.items() if sys.platform.startswith(system)), "unix"),
            ),
            (self.hostname_key, socket.gethostname()),
            (self.os_version_key, platform.version()),
            (self.kernel_version_key, platform.release()),
        )
        added: Record = {key: value for key, value in values if key is not None}
        if not added:
            return lambda tag, events: events
        return lambda tag, events: [(ns, record | added) for ns, record in events]
