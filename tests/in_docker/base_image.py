"""Images made of this machine's own packages: no registry can be reached where the tests run.

The base image of the router's image holds what dpkg lists for Python, curl and nc, and for all that these need; the
image of an application is one static busybox.
"""

import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.in_docker.engine import Engine, missing

PACKAGES = (
    "base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "curl", "dash", "findutils", "grep", "gzip",
    "hostname", "libc-bin", "netcat-openbsd", "procps", "python3", "python3-venv", "sed", "tar",
)  # fmt: skip
UNUSED = re.compile(r"/usr/share/(?:doc|man|locale|info|lintian|perl\w*)(?:/|$)|/usr/lib/python3/dist-packages/")
MERGED = ("bin", "sbin", "lib", "lib64")
"""Folders of the root that are links into /usr."""
MADE = ("/etc/ssl/certs", "/etc/passwd", "/etc/group", "/etc/pip.conf", "/etc/nsswitch.conf")
"""What no package lists: it is made at installation, or is this machine's own."""
BUSYBOX = "pyrolens-test-busybox"
BASE = "pyrolens-test-base"


def import_busybox(engine: Engine) -> str:
    busybox = shutil.which("busybox") or missing("there is no busybox here (Debian: apt-get install busybox-static)")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        _folder(tar, "tmp", 0o1777)
        tar.add(os.path.realpath(busybox), "bin/busybox")
        for name in listed:
            if name != "busybox":
                _link(tar, f"bin/{name}", "busybox")
        _text(tar, "etc/passwd", "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n")
        _text(tar, "etc/group", "root:x:0:\nuser:x:1000:\n")
    engine.docker("import", "-", BUSYBOX, data=data.getvalue())
    return BUSYBOX


def import_base(engine: Engine) -> str:
    """The image that PYROLENS_BASE_IMAGE names, else one of this machine's packages."""
    if given := os.environ.get("PYROLENS_BASE_IMAGE"):
        return given
    if shutil.which("dpkg-query") is None:
        missing("the base image is made of Debian's packages; elsewhere PYROLENS_BASE_IMAGE must name one")
    if shutil.which("ldconfig", path="/usr/sbin:/sbin") is None or not os.path.islink("/bin"):
        missing("the base image is made of the packages of a Debian in which /bin is a link")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name in MERGED:
            if os.path.islink(f"/{name}"):
                _link(tar, name, f"usr/{name}")
        _folder(tar, "tmp", 0o1777)
        for path in _files(_needed(PACKAGES)):
            tar.add(path, path.lstrip("/"), recursive=False)
        for path in MADE:
            if os.path.exists(path):
                tar.add(path, path.lstrip("/"))
    engine.docker("import", "-", BASE, data=data.getvalue())
    return BASE


def _needed(packages: tuple[str, ...]) -> set[str]:
    """The packages and all that they depend on, as they are installed."""
    form = "${db:Status-Abbrev}\t${Package}\t${Provides}\t${Pre-Depends}, ${Depends}\n"
    listed = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    depends: dict[str, list[str]] = {}
    providers: dict[str, str] = {}
    for line in listed.splitlines():
        status, name, provided, needs = line.split("\t")
        if status.startswith("ii"):
            depends[name] = [re.split(r"[ :(]", word.strip())[0] for word in re.split(r"[,|]", needs) if word.strip()]
            providers |= {re.split(r"[ (]", word.strip())[0]: name for word in provided.split(",") if word.strip()}
    absent = [name for name in packages if name not in depends]
    if absent:
        missing(f"the base image needs these packages: {' '.join(absent)}")
    found: set[str] = set()
    left = list(packages)
    while left:
        name = left.pop()
        name = name if name in depends else providers.get(name, "")
        if name and name not in found:
            found.add(name)
            left += depends[name]
    return found


def _files(packages: set[str]) -> list[str]:
    """Their files, by the paths below /usr where the root has links."""
    listed = subprocess.run(["dpkg", "-L", *sorted(packages)], capture_output=True, text=True, check=True).stdout
    extra = [f"{folder}/{name}" for folder in ("/usr/bin", "/etc/alternatives") for name in ("awk", "nc")]
    found: set[str] = set()
    for path in [*listed.splitlines(), *extra]:
        # a link of a package may lead out of it, to what update-alternatives has made
        while path.startswith("/"):
            path = re.sub(rf"^/({'|'.join(MERGED)})(?=/|$)", r"/usr/\1", path)
            if path in found or UNUSED.match(path) or not os.path.lexists(path):
                break
            found.add(path)
            if not os.path.islink(path):
                break
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    return sorted(p for p in found if p.strip("/.") and not p.startswith(("/dev/", "/proc/", "/tmp", *MADE)))


def _folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    tar.addfile(info)


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    tar.addfile(info)


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(text)
    tar.addfile(info, io.BytesIO(text.encode()))


def build(engine: Engine, folder: Path, name: str, *arguments: str) -> str:
    """An image from a folder's Dockerfile. The network is the machine's: pip asks its index by it."""
    index = ["--build-arg", "PIP_INDEX_URL"] if os.environ.get("PIP_INDEX_URL") else []
    engine.docker("build", "-q", "--network", "host", "-t", name, *index, *arguments, str(folder), seconds=300)
    return name
