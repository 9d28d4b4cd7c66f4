"""Disks of the router: where it may write, and which files of others it sees."""

import posixpath
import re
from collections.abc import Iterator

from pyrolens.check.context import Context, text
from pyrolens.check.images import by_aws_init
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import OUT
from pyrolens.check.tasks.example import FILE, task
from pyrolens.ecs.task_definition import Container, TaskDefinition
from pyrolens.language.document import Entry
from pyrolens.problems import nearest

ALWAYS_WRITABLE = ("/var/run", "/run", "/dev", "/proc")
"""The agent mounts the first two, which are one in most images; the others are the kernel's."""
OF_THE_SYSTEM = ("/proc", "/sys", "/dev")
STORE_DIR = "/tmp/fluent-bit/s3"
WILD = re.compile(r"[*?\[]")


def below(path: str, folder: str) -> bool:
    folder = folder.rstrip("/")
    return path == folder or path.startswith(folder + "/")


def mounts_known(container: Container) -> bool:
    return (
        not container.settings.volumes_from and not {"mountPoints", "volumesFrom", "linuxParameters"} & container.open
    )


def where_it_writes(context: Context) -> Iterator[tuple[str, str, Entry]]:
    """(path, what for, who says so)."""
    for section in context.document.of("service"):
        yield from ((str(e.value), e.key, e) for e in section.all("storage.path"))
    for section in context.plugins("input"):
        yield from ((str(e.value), "DB", e) for e in section.all("db"))
    for section in context.plugins("output", "s3"):
        entry = section.get("store_dir") or section.get("name")
        if entry:
            yield text(section, "store_dir") or STORE_DIR, "store_dir", entry


def read_only(context: Context) -> Iterator[Finding]:
    router = context.router
    if router is None or not router.settings.read_only_root or not mounts_known(router):
        return
    writable = [m.path for m in router.mounts if not m.read_only] + [t.path for t in router.settings.tmpfs]
    writable += ALWAYS_WRITABLE
    for path, option, entry in where_it_writes(context):
        if not path.startswith("/") or "$" in path or any(below(path, folder) for folder in writable):
            continue
        message = f"the router cannot write {path} ({option}): its root is read-only, and no volume is mounted there"
        yield Finding(message, entry.value_place, "mount a volume there that is not read-only")
    folders = ["/init", "/tmp"]
    if context.init and by_aws_init(router) and not any(below(f, w) for f in folders for w in writable):
        message = "the init process cannot write /init or /tmp/init: the router's root is read-only"
        yield Finding(message, context.init[0].place, "mount a volume at /tmp")


def unseen(context: Context) -> Iterator[Finding]:
    """Files that a tail shall read and that nobody can have written."""
    task, router = context.task, context.router
    if task is None or router is None or router.firelens is None or not mounts_known(router):
        return
    made = list(written_by_itself(context))
    for section in context.plugins("input", "tail"):
        entry = section.get("path")
        for path in str(entry.value).split(",") if entry else ():
            why = not_shared(task, router, path.strip(), made)
            if why and entry:
                yield Finding(f"the router sees nothing at {path.strip()}: {why}", entry.value_place, HINT)


HINT = "mount one volume in the container that writes and in the router"


def written_by_itself(context: Context) -> Iterator[str]:
    """Folders and files of the router's own."""
    for section in context.plugins("output", "file"):
        yield text(section, "path") or "/"
    for section in context.document.of("service"):
        yield from (str(entry.value) for entry in section.all("log_file"))


def not_shared(task: TaskDefinition, router: Container, path: str, made: list[str]) -> str:
    """Why nobody else can have written what is at a path; "" if somebody may."""
    known = WILD.split(path)[0]
    if not path.startswith("/") or "$" in path or any(below(known, f) for f in (*OF_THE_SYSTEM, *made)):
        return ""
    mounts = [m for m in router.mounts if below(known, m.path)]
    if WILD.search(path) and any(below(m.path, posixpath.dirname(known)) for m in router.mounts if m not in mounts):
        return ""  # the wildcard may lead into it
    if not mounts:
        return "no volume is mounted there, and it has no files of other containers"
    mount = max(mounts, key=lambda m: len(m.path))
    volume = next((v for v in task.volumes if v.name == mount.volume), None)
    if volume is None or volume.host_path or volume.elsewhere or volume.driver:
        return ""
    if "containerDefinitions" in task.open or not all(map(mounts_known, task.containers)):
        return ""
    others = (m for c in task.containers if c is not router for m in c.mounts)
    if any(m.volume == volume.name for m in others):
        return ""
    return f"no other container has the volume '{volume.name}'"


def no_volume(context: Context) -> Iterator[Finding]:
    """Mounts of what the task definition does not have."""
    task = context.task
    if task is None or not context.roles_known or "volumes" in task.open:
        return
    known = {volume.name for volume in task.volumes}
    for mount in (m for c in task.containers for m in c.mounts):
        if mount.volume not in known and "<" not in mount.volume:
            message = f"there is no volume '{mount.volume}'; ECS refuses to register this"
            yield Finding(message, mount.place, nearest(mount.volume, known) or "add it to volumes of the task")


EXTRA = FILE % '"/extra.conf"'
S3 = "==> extra.conf <==\n[OUTPUT]\n    Name s3\n    Match *\n    region us-east-1\n    bucket logs\n%s"
S3 += "    s3_key_format /%%Y/$UUID\n"
TAIL = "==> extra.conf <==\n[INPUT]\n    Name tail\n    Tag files\n    Path «/var/log/app/*.log»\n" + OUT
VOLUME = '"volumes": [{"name": "%s"}],\n '
MOUNT = ',\n   "mountPoints": [{"sourceVolume": "%s", "containerPath": "%s"}]'
RULES = [
    Rule(
        "TD056",
        "error",
        "a read-only router that shall write",
        "With readonlyRootFilesystem the router writes only where a volume is mounted. A buffer on disk, a DB of tail"
        " and the store of s3 elsewhere stop its start.",
        "Mount a volume there.",
        bad=task(firelens=EXTRA, router=', "readonlyRootFilesystem": true') + S3 % "    store_dir «/var/store»\n",
        good=task(
            firelens=EXTRA,
            router=', "readonlyRootFilesystem": true' + MOUNT % ("store", "/var/store"),
            head=VOLUME % "store",
        )
        + S3 % "    store_dir /var/store\n",
        find=read_only,
    ),
    Rule(
        "TD057",
        "error",
        "files that the router does not see",
        "Each container has files of its own. A tail in the router reads what another container writes only on a"
        " volume that both have mounted.",
        "Mount one volume in the container that writes the files and in the router, and let Path lead there.",
        bad=task(firelens=EXTRA, app=MOUNT % ("logs", "/var/log/app"), head=VOLUME % "logs") + TAIL,
        good=task(
            firelens=EXTRA,
            app=MOUNT % ("logs", "/var/log/app"),
            router=MOUNT % ("logs", "/var/log/app"),
            head=VOLUME % "logs",
        )
        + TAIL.replace("«", "").replace("»", ""),
        find=unseen,
    ),
    Rule(
        "TD067",
        "error",
        "a mount of a volume that there is not",
        "sourceVolume is the name of one of the volumes of the task. ECS refuses to register anything else.",
        "Add the volume, or write its name as it is.",
        bad=task(
            router=',\n   "mountPoints": [{"sourceVolume": «"stores"», "containerPath": "/a"}]', head=VOLUME % "store"
        ),
        good=task(router=MOUNT % ("store", "/a"), head=VOLUME % "store"),
        find=no_volume,
    ),
]
