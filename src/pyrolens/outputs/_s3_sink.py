"""s3 at work: records go to the local store, and from there to S3 when a file is large or old enough.

Delivery ends with the store, so that the router may forget the records. What is uploaded, when, and when again is
decided here: one file after the other for each tag, in the order of arrival."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from pyrolens.api import DELIVERED, Chunk, ConfigError, Encode, Event, Limits, Outcome, OutputEnv, Parcel, Problem
from pyrolens.aws import Reply
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.net.body import Body
from pyrolens.outputs._s3_calls import Bucket
from pyrolens.outputs._s3_key import KeyFormat
from pyrolens.outputs._s3_store import Store, Stored, StoreInUseError, Upload
from pyrolens.records.event import SECOND

PART = 5_242_880
"""Bytes that each part of an upload but the last has at least."""
PARTS = 10_000
CALLS = 4
"""Uploads of one output at once."""

Lines = Callable[[list[Event]], tuple[list[Event], bytes]]
"""Events -> those that have no data, and the data of the others."""
Pack = Callable[[bytes], bytes]
"""The lines of a file -> what is uploaded."""


@dataclass(frozen=True)
class Rules:
    """When a file is uploaded, and how."""

    object_size: int
    part_size: int
    timeout: float
    """Seconds."""
    one_put: bool
    """Never in parts."""
    store_limit: int = 0
    """Bytes; 0: none."""
    keep_failed: bool = True
    """What cannot be uploaded is put aside, not deleted."""
    quarantine_limit: int = 0


class Failed(NamedTuple):
    """A call that failed."""

    reason: str
    after: float | None = None
    """Seconds that S3 wants to be left alone."""


@dataclass
class Lane:
    """What is stored of one tag."""

    name: str
    tag: str
    open: Stored | None = None
    sealed: deque[Stored] = field(default_factory=deque)
    upload: Upload | None = None
    finish: bool = False
    """The upload is completed once all that is sealed is in it."""
    failures: int = 0
    task: "asyncio.Task[None] | None" = None
    timer: asyncio.TimerHandle | None = None
    retry: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """There is something to do now."""
        return bool(self.sealed or (self.upload and (self.upload.complete or self.finish)))

    @property
    def empty(self) -> bool:
        return not self.open and not self.sealed and not self.upload


class S3Sink:
    limits = Limits(size=2 * 1024 * 1024, calls=CALLS)

    def __init__(
        self,
        env: OutputEnv,
        bucket: Bucket,
        store: Store,
        rules: Rules,
        key_format: KeyFormat,
        lines: Lines,
        pack: Pack | None,
        policy: RetryPolicy,
        missing: str,
    ) -> None:
        """pack: None where the lines are uploaded as they are. missing: why an event has no data."""
        self.env, self.bucket, self.store, self.rules = env, bucket, store, rules
        self.key_format, self.lines, self.pack, self.policy, self.missing = key_format, lines, pack, policy, missing
        self._lanes: dict[str, Lane] = {}
        self._slots = asyncio.Semaphore(CALLS)
        self._draining = False
        self._full = False
        self._changed = asyncio.Event()
        """Set and replaced whenever something left the store."""
        self._warned: set[str] = set()

    @property
    def holds(self) -> str:
        """The folder of the store."""
        return str(self.store.path)

    # -- in ---------------------------------------------------------------------------------------------------

    def encoder(self, tag: str) -> Encode:
        lines = self.lines

        def encode(events: list[Event]) -> list[Parcel]:
            unfit, data = lines(events)
            if unfit:
                self.env.reject(unfit, tag, self.missing)
            if not data:
                return []
            first = next((int(ns) for ns, _ in events if ns >= SECOND), 0)
            records = len(events) - len(unfit)
            return [Parcel(tag, [(first, data)], records, len(data), [len(data)])]

        return encode

    def shown(self, key: str, item: tuple[int, bytes]) -> bytes:
        return item[1]

    async def deliver(self, chunk: Chunk) -> Outcome:
        """Puts the records into the store; waits while it is full."""
        tag = str(chunk.key)
        first, data = chunk.items[0][0], b"".join([data for _, data in chunk.items])
        while self._no_room(len(data)):
            self._say_full()
            await self._changed.wait()
        self._full = False
        lane = self._lane(tag)
        try:
            start = first // SECOND or int(time.time())
            file = lane.open or self.store.create(tag, start, hashed=self.pack is None)
            file.append(data, chunk.records)
        except OSError as why:
            return Outcome.again(chunk, f"cannot be stored in {self.store.path}: {why.strerror or why}")
        self.store.used += len(data)
        over = lane.open is file and self._over(lane, file.size, len(data))
        lane.open = file
        if over:
            self._seal(lane)
        elif lane.timer is None:
            self._set_timer(lane)
        if self.store.sync:
            await self._confirmed(file)
        return DELIVERED

    def _lane(self, tag: str) -> Lane:
        lane = self._lanes.get(tag)
        if lane is None:
            lane = self._lanes[tag] = Lane(tag, tag)
        return lane

    async def _confirmed(self, file: Stored) -> None:
        try:
            await asyncio.to_thread(file.flush)
        except OSError as why:
            # they are stored, and will be uploaded unless the machine goes down
            self.env.log.error("the disk does not confirm what was stored", file=str(file.path), reason=str(why))

    def _over(self, lane: Lane, size: int, more: int) -> bool:
        """Source: Fluent Bit 5.1.1: a file is uploaded with what made it too large."""
        rules, upload = self.rules, lane.upload
        limit = rules.object_size if rules.one_put else rules.part_size
        return size > limit or bool(upload and not upload.complete and upload.size + more > rules.object_size)

    def _no_room(self, size: int) -> bool:
        limit = self.rules.store_limit
        return bool(limit and self.store.used and self.store.used + size > limit)

    def _say_full(self) -> None:
        """The store is full: upload all of it now, whatever its age."""
        if not self._full:
            self._full = True
            self.env.log.warning("the store is full, records wait", bytes=self.store.used, limit=self.rules.store_limit)
        self._finish_all()

    # -- timers -----------------------------------------------------------------------------------------------

    def _set_timer(self, lane: Lane) -> None:
        """For when the oldest of the lane is due."""
        if lane.timer:
            lane.timer.cancel()
            lane.timer = None
        times = [kept.created for kept in (lane.open, lane.upload) if kept]
        if times:
            wait = max(min(times) + self.rules.timeout - time.time(), 0.0)
            lane.timer = asyncio.get_running_loop().call_later(wait, self._due, lane)

    def _due(self, lane: Lane) -> None:
        lane.timer = None
        self._finish(lane)

    def _finish(self, lane: Lane) -> None:
        if lane.open:
            lane.open.whole = True
        lane.finish = True
        self._seal(lane)

    def _finish_all(self) -> None:
        for lane in list(self._lanes.values()):
            self._finish(lane)

    def _seal(self, lane: Lane) -> None:
        if lane.open:
            lane.sealed.append(lane.open)
            lane.open = None
            self._set_timer(lane)
        self._work_on(lane)

    # -- out --------------------------------------------------------------------------------------------------

    def _work_on(self, lane: Lane) -> None:
        if lane.task is None and lane.retry is None and lane.busy:
            lane.task = asyncio.get_running_loop().create_task(self._work(lane))
            lane.task.add_done_callback(lambda task: self._worked(lane, task))

    def _worked(self, lane: Lane, task: "asyncio.Task[None]") -> None:
        lane.task = None
        if task.cancelled():
            return
        if error := task.exception():
            self._again(lane, Failed(f"{type(error).__name__}: {error}"))
        if lane.empty:
            if lane.timer:
                lane.timer.cancel()
            del self._lanes[lane.name]
        self._work_on(lane)
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _work(self, lane: Lane) -> None:
        """Upload what is sealed, until there is no more of it or something fails."""
        while True:
            async with self._slots:
                if lane.upload and (lane.upload.complete or (lane.finish and not lane.sealed)):
                    failed = await self._complete(lane, lane.upload)
                elif lane.sealed:
                    failed = await self._send(lane, lane.sealed[0])
                else:
                    lane.finish = self._draining
                    return
            if failed is None:
                lane.failures = 0
                self._tell()
            elif not self._again(lane, failed):
                return

    def _again(self, lane: Lane, failed: Failed) -> bool:
        """Try again later, or give up what failed. True: there may be more to do at once."""
        lane.failures += 1
        self.env.count("upload_errors")
        if self.policy.gives_up(lane.failures):
            self._give_up(lane, failed.reason)
            return True
        wait = self.policy.wait(lane.failures, failed.after, self._draining)
        # the log sums up lines of one reason, so what differs from file to file stands beside it
        call, _, why = failed.reason.partition(": ")
        self.env.log.warning(
            "upload failed, the data stay stored",
            tag=lane.tag,
            attempt=lane.failures,
            wait=f"{wait:.1f}s",
            call=call,
            reason=why,
        )
        lane.retry = asyncio.get_running_loop().call_later(wait, self._retry, lane)
        return False

    def _retry(self, lane: Lane) -> None:
        lane.retry = None
        self._work_on(lane)

    def _give_up(self, lane: Lane, reason: str) -> None:
        failures, lane.failures = lane.failures, 0
        if not lane.sealed:
            upload, lane.upload = lane.upload, None
            if upload:
                upload.remove()
                self.env.count("uploads_given_up")
                self.env.log.error(
                    "an upload is given up, its parts stay in S3",
                    key=upload.key, upload=upload.id, bytes=upload.size, attempts=failures, reason=reason,
                )  # fmt: skip
            return
        file = lane.sealed.popleft()
        kept = None
        if self.rules.keep_failed:
            kept = self.store.quarantine(file, self.rules.quarantine_limit)
        else:
            self.store.used -= file.size
            file.remove()
        self.env.count("quarantined_records" if kept else "deleted_records", file.records)
        self.env.log.error(
            f"a file is given up and {'put aside' if kept else 'deleted'}",
            file=str(kept or file.path), tag=file.tag, records=file.records, attempts=failures, reason=reason,
        )  # fmt: skip

    # -- S3 ---------------------------------------------------------------------------------------------------

    async def _send(self, lane: Lane, file: Stored) -> Failed | None:
        """Upload a file; gives why that failed."""
        if not file.path.exists():
            self.env.log.error("a stored file is gone", file=str(file.path), records=file.records)
            self._sent(lane, file)
            return None
        if file.pieces:
            lost = await asyncio.to_thread(file.repair)
            self.store.used -= lost
            if lost:
                self.env.log.error("a stored file lacks its end", file=str(file.path), lost_bytes=lost)
        pack = self.pack
        body: Body = await asyncio.to_thread(lambda: pack(file.data())) if pack else file.body()
        rules, upload = self.rules, lane.upload
        if file.size == 0:
            self._sent(lane, file)
            return None
        whole = file.whole or file.old or len(body) >= rules.object_size or len(body) <= PART
        one = rules.one_put or (upload is None and whole)
        failed = await (self._put if one else self._part)(lane, file, body)
        if failed:
            file.sha = None  # whatever is on the disk now is what is sent next time
        return failed

    def _key(self, file: Stored, *, parts: bool = False) -> str:
        """Chosen once: an upload whose answer was lost is made again under the same key, and doubles nothing."""
        if file.key is None:
            index = self.store.index() if self.key_format.has_index else 0
            file.name(self.key_format.key(file.tag, file.first, index, parts=parts))
            if self.key_format.lacks(file.tag) and file.tag not in self._warned:
                self._warned.add(file.tag)
                self.env.log.warning("s3_key_format asks for a part that the tag does not have", tag=file.tag)
        assert file.key is not None
        return file.key

    async def _put(self, lane: Lane, file: Stored, body: Body) -> Failed | None:
        key = self._key(file)
        reply = await self.bucket.put(key, body)
        if not reply.ok:
            return Failed(f"PutObject {key}: {reply.reason}", reply.after)
        self.env.count("uploaded_objects")
        self.env.log.info("uploaded", key=key, bytes=len(body), records=file.records)
        self._sent(lane, file)
        return None

    async def _part(self, lane: Lane, file: Stored, body: Body) -> Failed | None:
        upload = lane.upload
        if upload is None:
            key = self._key(file, parts=True)
            reply, id_ = await self.bucket.create(key)
            if not reply.ok:
                return Failed(f"CreateMultipartUpload {key}: {reply.reason}", reply.after)
            upload = lane.upload = self.store.begin(file, key, id_)
            self._set_timer(lane)
        number = len(upload.etags) + 1
        reply, etag = await self.bucket.part(upload.key, upload.id, number, body)
        if not reply.ok:
            if reply.code == "NoSuchUpload":
                self._forget(lane, upload, reply)
            return Failed(f"UploadPart {number} of {upload.key}: {reply.reason}", reply.after)
        upload.add(etag, len(body), file.path)
        self._sent(lane, file)
        upload.complete = len(body) < PART or upload.size >= self.rules.object_size or number >= PARTS
        return None

    async def _complete(self, lane: Lane, upload: Upload) -> Failed | None:
        reply = Reply(200)
        if upload.etags:
            reply = await self.bucket.complete(upload.key, upload.id, upload.etags)
        if not reply.ok and reply.code != "NoSuchUpload":
            return Failed(f"CompleteMultipartUpload {upload.key}: {reply.reason}", reply.after)
        if not reply.ok:
            self._forget(lane, upload, reply)
            return None
        if upload.etags:
            self.env.count("uploaded_objects")
            self.env.log.info("uploaded", key=upload.key, bytes=upload.size, parts=len(upload.etags))
        self._closed(lane, upload)
        return None

    def _forget(self, lane: Lane, upload: Upload, reply: Reply) -> None:
        """S3 does not know the upload: it was completed by a call whose answer was lost, or someone aborted it."""
        self.env.log.error(
            "S3 does not know an upload any more: it is complete already, or its parts are lost",
            key=upload.key, upload=upload.id, bytes=upload.size, reason=reply.reason,
        )  # fmt: skip
        self._closed(lane, upload)

    def _closed(self, lane: Lane, upload: Upload) -> None:
        lane.upload, lane.finish = None, self._draining
        upload.remove()
        self._set_timer(lane)

    def _sent(self, lane: Lane, file: Stored) -> None:
        lane.sealed.popleft()
        file.remove()
        self.store.used -= file.size

    # -- start and end ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        try:
            files, uploads = self.store.open()
        except (OSError, StoreInUseError) as why:
            raise ConfigError([Problem("bad-store", f"{self.env.name}: store_dir cannot be used: {why}")]) from None
        for upload in uploads:
            lane = self._lane(upload.tag)
            if lane.upload:
                # two of a tag, once of two outputs: only the later one gets more parts
                name = f"{upload.tag}\0{lane.upload.id}"
                self._lanes[name] = Lane(name, upload.tag, upload=lane.upload, finish=True)
            lane.upload, lane.finish = upload, True
        for file in files:
            self._lane(file.tag).sealed.append(file)
        if files or uploads:
            size = sum(f.size for f in files)
            self.env.log.info("uploading what an earlier run stored", files=len(files), bytes=size, parts=len(uploads))
        for lane in list(self._lanes.values()):
            self._work_on(lane)

    async def drain(self) -> None:
        self._draining = True
        for lane in list(self._lanes.values()):
            if lane.retry:
                lane.retry.cancel()
                lane.retry = None
        self._finish_all()
        while any(not lane.empty for lane in self._lanes.values()):
            await self._changed.wait()

    async def close(self) -> None:
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        for lane in self._lanes.values():
            for timer in (lane.timer, lane.retry):
                if timer:
                    timer.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if any(not lane.empty for lane in self._lanes.values()):
            kept = [f for lane in self._lanes.values() for f in [*lane.sealed, *([lane.open] if lane.open else [])]]
            self.env.log.warning(
                "not uploaded, kept for the next start",
                store=str(self.store.path), files=len(kept), bytes=sum(f.size for f in kept),
                uploads=sum(1 for lane in self._lanes.values() if lane.upload),
            )  # fmt: skip
        self.store.close()
        await self.bucket.client.close()
