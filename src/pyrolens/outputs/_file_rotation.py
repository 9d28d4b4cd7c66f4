"""Files that have grown too large are put aside: name.YYYYMMDD_HHMMSS_xxxxxxxx, perhaps with .gz

Source: Fluent Bit 5.1.1 plugins/out_file/file_rotate.c."""

import gzip
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass

ASIDE = re.compile(r"\d{8}_\d{6}(?:_[0-9a-fA-F]{8})?(?:\.gz)?")


@dataclass(frozen=True, slots=True)
class Rotation:
    max_size: int
    """Bytes."""
    max_files: int
    gzip: bool

    def before_write(self, path: str) -> None:
        """Put the file aside if it has reached its size, and remove the oldest ones. Raises: OSError."""
        try:
            if os.stat(path).st_size < self.max_size:
                return
        except FileNotFoundError:
            return
        aside = f"{path}.{time.strftime('%Y%m%d_%H%M%S')}_{secrets.token_hex(4)}"
        os.rename(path, aside)
        if self.gzip:
            with open(aside, "rb") as source, gzip.open(f"{aside}.gz", "wb", compresslevel=6) as target:
                os.fchmod(target.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
                shutil.copyfileobj(source, target)
            os.unlink(aside)
        self._trim(path)

    def _trim(self, path: str) -> None:
        folder, name = os.path.split(path)
        found = [
            entry
            for entry in os.scandir(folder or ".")
            if entry.name.startswith(f"{name}.") and ASIDE.fullmatch(entry.name[len(name) + 1 :])
        ]
        found.sort(key=lambda entry: (entry.stat().st_mtime, entry.path))
        for entry in found[: max(len(found) - self.max_files, 0)]:
            os.unlink(entry.path)
