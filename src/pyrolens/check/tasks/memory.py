"""Memory: what waits in the router and in the log drivers, and what there is.

Source: amazon-ecs-agent, agent/taskresource/firelens (Mem_Buf_Limit); the guide of AWS against routers that run out of
memory, amazon-ecs-firelens-examples, examples/fluent-bit/oomkill-prevention (both sums); the developer guide of ECS,
"Configuring Amazon ECS logs for high throughput" (log lines).
"""

from collections.abc import Iterator

from pyrolens.check.context import Context, is_number, text
from pyrolens.check.images import is_ours
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import OUT
from pyrolens.check.tasks.example import FARGATE, FILE, ROLES, task
from pyrolens.ecs.firelens import SOCKET
from pyrolens.ecs.router_config import mem_buf_limit
from pyrolens.ecs.rules import BUFFER_LIMIT
from pyrolens.language.document import Entry
from pyrolens.options import size_of

MIB = 1 << 20
LINE = 256
"""Bytes at the least that a log driver keeps for a line: its tag, the container's name and id, and few letters."""
CHUNK = 2_000_000
CHUNKS_UP = 128


def lines_beyond_memory(context: Context) -> Iterator[Finding]:
    """Buffers of log drivers that cannot become full."""
    task = context.task
    if task is None or not task.memory:
        return
    if any(c.open & {"memory", "memoryReservation"} for c in task.containers):
        return
    free = task.memory * MIB - sum(max(c.memory, c.memory_reservation) for c in task.containers) * MIB
    written = [c.log.options[BUFFER_LIMIT] for c in context.firelens if c.log and BUFFER_LIMIT in c.log.options]
    limits = [limit for limit in written if is_number(limit.text)]
    numbers = [int(limit.text) for limit in limits]
    if numbers and sum(numbers) * LINE > free:
        needed = sum(numbers) * LINE // MIB
        message = (
            f"{BUFFER_LIMIT} counts lines: {sum(numbers)} lines of {LINE} bytes are {needed} MiB, and the task has"
            f" {max(free, 0) // MIB} MiB beside its containers"
        )
        largest = max(limits, key=lambda limit: int(limit.text))
        yield Finding(message, largest.place, f"for these, write at most {max(free, 0) // LINE // len(numbers)}")


def small_reservation(context: Context) -> Iterator[Finding]:
    """A soft limit by which the router's buffer is made, beside a much larger hard one."""
    router = context.router
    if router is None or router.firelens is None or router.firelens.type != "fluentbit":
        return
    if router.memory_reservation and router.memory >= 2 * router.memory_reservation:
        limit = mem_buf_limit(router)
        message = f"Mem_Buf_Limit becomes {limit}, half of memoryReservation; memory {router.memory} does not count"
        hint = f"memoryReservation {router.memory} makes it {router.memory // 2}MB"
        yield Finding(message, router.memory_place, hint)


def memory_of_router(context: Context) -> int:
    """Bytes; 0: nobody knows, or the router sees to it by itself."""
    if context.task is None or context.router is None or is_ours(context.router) or "memory" in context.router.open:
        return 0
    on_fargate = context.task.memory if context.task.fargate else 0
    return (context.router.memory or on_fargate) * MIB


def buffers_beyond_memory(context: Context) -> Iterator[Finding]:
    """Limits of inputs that allow more than there is."""
    memory = memory_of_router(context)
    total = 0
    written: list[tuple[int, Entry]] = []
    for section in context.plugins("input"):
        entry = section.get("mem_buf_limit")
        if entry and text(section, "storage.type").lower() != "filesystem":
            size = max(size_of(str(entry.value)), 0)
            total += size
            written += [(size, entry)] if text(section, "unix_path") != SOCKET else []
    if memory and written and 2 * total > memory:
        message = (
            f"inputs may keep {total // 1_000_000} MB by their Mem_Buf_Limit, which takes the router up to twice as"
            f" much; it has {memory // MIB} MiB"
        )
        yield Finding(message, max(written, key=lambda limit: limit[0])[1].value_place, "lower it, or give more memory")


def chunks_beyond_memory(context: Context) -> Iterator[Finding]:
    """Chunks of inputs on disk that may be in memory at once."""
    memory = memory_of_router(context)
    inputs = [s for s in context.plugins("input") if text(s, "storage.type").lower() == "filesystem"]
    known = [e for s in context.document.of("service") for e in s.all("storage.max_chunks_up")]
    written = str(known[-1].value) if known else ""
    most = int(written) if is_number(written) else CHUNKS_UP
    needed = 2 * len(inputs) * most * CHUNK
    if memory and needed > memory:
        kinds = [e for s in inputs for e in s.all("storage.type")]
        message = (
            f"up to {most} chunks of 2 MB for each of {len(inputs)} inputs on disk are in memory at once, which takes"
            f" the router up to {needed // 1_000_000} MB; it has {memory // MIB} MiB"
        )
        fits = memory // (2 * len(inputs) * CHUNK)
        yield Finding(message, (known or kinds)[-1].value_place, f"set storage.max_chunks_up to {max(fits, 1)}")


LIMIT = '{"logDriver": "awsfirelens", "options": {"Name": "null", "log-driver-buffer-limit": %s}}'
EXTRA = FILE % '"/extra.conf"'
TCP = "==> extra.conf <==\n%s[INPUT]\n    Name tcp\n    Tag tcp\n    Listen 127.0.0.1\n    Port 5170\n%s" + OUT
DISK = "[SERVICE]\n    storage.path /var/lib/router\n    storage.max_chunks_up %s\n"
FILESYSTEM = "    storage.type filesystem\n"
RULES = [
    Rule(
        "TD027",
        "warning",
        "a log-driver-buffer-limit beyond the memory of the task",
        "It counts lines, not bytes, and what the log drivers keep is memory of the task beside that of its"
        " containers. When a destination is away the buffer fills, and the task is ended for its memory before the"
        " limit is reached.",
        "Divide the memory that is left by the length of a line, which is 256 bytes at the least with what ECS adds.",
        bad=task(LIMIT % '«"2097152"»', head=ROLES + FARGATE, router=', "memory": 128'),
        good=task(LIMIT % '"100000"', head=ROLES + FARGATE, router=', "memory": 128'),
        find=lines_beyond_memory,
    ),
    Rule(
        "TD046",
        "warning",
        "a small memoryReservation that makes a small buffer",
        "The ECS agent gives the input for what containers print half of memoryReservation as Mem_Buf_Limit; memory"
        " counts only without it. The 50 of many examples makes 25 MB, which an application that says much"
        " fills within seconds, and then lines are lost.",
        "Raise memoryReservation to what the router may have, or remove it.",
        bad=task(router=', "memoryReservation": «50», "memory": 512'),
        good=task(router=', "memory": 512'),
        find=small_reservation,
    ),
    Rule(
        "TD047",
        "warning",
        "buffers beyond the memory of the router",
        "By the estimate of AWS Fluent Bit takes up to twice the sum of all Mem_Buf_Limit, of which one is generated:"
        " half of the router's memory. With more than there is, the kernel ends the router, and all that waits in"
        " memory is lost.",
        "Lower the limits, or give the router more memory.",
        bad=task(firelens=EXTRA, router=', "memory": 128') + TCP % ("", "    Mem_Buf_Limit «50MB»\n"),
        good=task(firelens=EXTRA, router=', "memory": 256, "memoryReservation": 128')
        + TCP % ("", "    Mem_Buf_Limit 50MB\n"),
        find=buffers_beyond_memory,
    ),
    Rule(
        "TD048",
        "warning",
        "chunks on disk beyond the memory of the router",
        "Of inputs with storage.type filesystem, Fluent Bit has up to storage.max_chunks_up chunks (128 unless it is"
        " said) of 2 MB in memory for each, and by the estimate of AWS takes up to twice as much. With more"
        " than there is, the kernel ends the router.",
        "Lower storage.max_chunks_up, or give the router more memory.",
        bad=task(firelens=EXTRA, router=', "memory": 256') + TCP % (DISK % "«128»", FILESYSTEM),
        good=task(firelens=EXTRA, router=', "memory": 256') + TCP % (DISK % "32", FILESYSTEM),
        find=chunks_beyond_memory,
    ),
]
