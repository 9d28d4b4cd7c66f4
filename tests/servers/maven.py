"""Servers written in Java: their jars from Maven Central, kept from one run to the next."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.programs import missing, program

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyrolens-tests"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
JAVA_OPTIONS = ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
"""Small, and quick to start."""


def jars(name: str) -> Path:
    """The folder with the jars that NAME.pom.xml names. They are fetched once."""
    pom = HERE / f"{name}.pom.xml"
    folder = CACHE / f"{name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    maven = program("mvn", "maven")
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            command = [maven, "-q", "-B", "-f", str(pom), COPY, f"-DoutputDirectory={partial}"]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=400)
            except subprocess.CalledProcessError as error:
                missing(f"Maven does not get the jars of {name}: {error.stdout.decode(errors='replace')[:400]}")
            except subprocess.TimeoutExpired:
                missing(f"Maven does not get the jars of {name} in time")
            partial.rename(folder)
    return folder


def java() -> str:
    return program("java", "default-jre-headless")
