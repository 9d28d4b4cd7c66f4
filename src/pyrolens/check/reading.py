"""From a file to what the rules look at, with all that a start of the router would find."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyrolens.check.context import Context, InitFile
from pyrolens.check.doubts import OWN_MATCH, elsewhere, unsure
from pyrolens.check.images import without_init
from pyrolens.check.kinds import YAML
from pyrolens.check.policy import Policy, Trust
from pyrolens.config import Config, build, load, read
from pyrolens.ecs import effective, firelens, rules, task_definition
from pyrolens.ecs.forms import Asked
from pyrolens.ecs.image import Image
from pyrolens.ecs.init import Fetch, Plan
from pyrolens.ecs.init_sources import sources
from pyrolens.ecs.private import write_private
from pyrolens.ecs.task_definition import Container
from pyrolens.language.document import Document, Entry, Section
from pyrolens.language.includes import is_yaml, looks_like_fluentd
from pyrolens.problems import ConfigError, Place, Problem, Problems

WITH_ROLES = re.compile(r"\b[cC]ontainerDefinitions\b")
VARIABLE = re.compile(r"\$\{\s*([A-Za-z_]\w*)\s*\}")
PARSERS = {"parser", "multiline_parser"}
UNKNOWN = "1"
"""For a variable of which nobody here knows the value: a number, a switch and a name."""


PlaceOf = Callable[[Place | None], Place | None]
"""The place that people know, of one in what was read."""


@dataclass
class Checked:
    """A file, and what is known of it."""

    file: str
    context: Context
    problems: list[Problem] = field(default_factory=list)
    """Of the start."""
    uses: set[str] = field(default_factory=set)
    """Other files that were read with it, absolute."""
    setup: firelens.Setup | None = None
    """What the ECS agent makes of it, if it is a task definition."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """What the config's variables were read from."""


class Reader:
    """`asked` and `given` as for render: which task definition, and the local file for a path or an address.
    `policy`: of the task role. `trusts`: of roles that outputs assume. `environ`: the variables that are set; None:
    this process's own, and any other may be, too. `run`: arguments of firelens.Task. `target`: a line of Fluent Bit."""

    def __init__(
        self,
        asked: Asked | None = None,
        given: Mapping[str, str] | None = None,
        policy: Policy | None = None,
        trusts: Sequence[Trust] = (),
        environ: Mapping[str, str] | None = None,
        run: Mapping[str, Any] | None = None,
        target: str = "",
    ) -> None:
        self.asked, self.given, self.policy, self.trusts = asked or Asked(), given or {}, policy, trusts
        self.environ, self.run, self.target = environ, run or {}, target

    def file(self, path: str, text: str, kind: str) -> Checked:
        with tempfile.TemporaryDirectory(prefix="pyrolens-") as made:
            return self.read(path, text, kind, Path(made).resolve())

    def read(self, path: str, text: str, kind: str, into: Path) -> Checked:
        """`into`: a folder for the files that are made, of which the config may need some as long as it is used."""
        return self._task(path, text, into) if kind == "task" else self._config(path, text, into)

    def _unknown(self, name: str) -> str:
        """The value of a variable that is set, and nobody here knows to what."""
        return UNKNOWN if self.environ is None else self.environ.get(name, f"value-of-{name}")

    # -- a config -----------------------------------------------------------------------------------------------------

    def _config(self, path: str, text: str, into: Path) -> Checked:
        file = into / f"stdin{'.yaml' if YAML.search(text) else '.conf'}" if path == "-" else Path(path).absolute()
        if path == "-":
            write_private(file, text)
        image = Image(file.parent if path != "-" else Path.cwd(), self.given, into, lambda told: None)
        copies = {str(file): path if path != "-" else "standard input"}
        out = Checked(path, Context())
        try:
            local = str(image.read_instead(file))
        except ConfigError as error:
            out.problems = error.problems
            return self._named(out, image, copies, {})
        environ = {"AWS_REGION": "us-east-1", **(os.environ if self.environ is None else self.environ)}
        self._suppose(environ, text)
        out.environ = environ
        if looks_like_fluentd(text) and not is_yaml(path):
            self._load(out, lambda: load(local, (), environ))
        else:
            found = Problems()
            try:
                document = read(local, found)
            except ConfigError as error:
                out.problems = error.problems
                return self._named(out, image, copies, {})
            if document.sections and all(s.kind in PARSERS for s in document.sections) and not is_yaml(path):
                place = Place(local)
                entry = Entry("parsers_file", local, place, place)
                document = Document([Section("service", place, [entry], name="SERVICE")], folder=str(into))
            for entry in (e for s in document.sections for e in s.entries):
                self._suppose(environ, str(entry.value))
            out.context = Context(document, environ=environ, policy=self.policy, trusts=self.trusts, target=self.target)
            self._load(out, lambda: build(document, found, environ))
        out.problems = [p for p in out.problems if self.environ is not None or not unsure(p)]
        return self._named(out, image, copies, {})

    def _suppose(self, environ: dict[str, str], text: str) -> None:
        """That the variables in the text are set."""
        if self.environ is None:
            for name in VARIABLE.findall(text):
                environ.setdefault(name, UNKNOWN)

    def _load(self, out: Checked, load_it: Callable[[], Config]) -> None:
        try:
            config = load_it()
        except ConfigError as error:
            out.problems += error.problems
        else:
            out.problems += config.warnings
            out.context = replace(out.context, document=config.document, config=config)

    # -- a task -------------------------------------------------------------------------------------------------------

    def _task(self, path: str, text: str, into: Path) -> Checked:
        shown = "standard input" if path == "-" else path
        found = Problems()
        out = Checked(path, Context())
        try:
            definition = task_definition.read(text, shown, found, self.asked)
        except ConfigError as error:
            out.problems = error.problems
            return out
        uses = any(c.uses_firelens or c.firelens for c in definition.containers)
        with_roles = WITH_ROLES.search(text) is not None
        out.context = Context(
            task=definition if uses else None,
            policy=self.policy,
            trusts=self.trusts,
            roles_known=with_roles,
            target=self.target,
        )
        if not uses:
            return out
        rules.check(definition, found)
        # a list of containers says no more of its network than of its roles
        bridged = with_roles or definition.network_place is not None
        out.problems = [p for p in found if bridged or p.code != "forward-port"]
        router = definition.router
        if found.errors or router is None or router.firelens is None:
            return out
        task = firelens.Task(definition)
        known = self.asked.parameters
        region, account = known.get("AWS::Region", task.region), known.get("AWS::AccountId", task.account)
        task = replace(task, **{"region": region, "account": account, **self.run})
        folder = Path.cwd() if path == "-" else Path(path).absolute().parent
        image = Image(folder, self.given, into, lambda told: None)
        return self._router(out, task, folder, image, into)

    def _router(self, out: Checked, task: firelens.Task, folder: Path, image: Image, into: Path) -> Checked:
        router = task.definition.router
        known = effective.metadata(task)
        if without_init(router):
            known = {"AWS_REGION": task.region}
        environ = {**known, **(router.environment if router else {})}
        environ |= {s.name: self._unknown(s.name) for s in (router.secrets if router else ())}
        environ |= self.environ or {}
        out.environ = environ
        unwritten = Unwritten()
        main = str(into / "fluent.conf")
        fetched: dict[str, str] = {}
        try:
            fetch = self._noting(effective.fetcher(folder, self.given, None), folder, fetched)
            setup, plan = effective.write(task, firelens.Addresses(), image, into, environ, fetch, unwritten)
        except ConfigError as error:
            out.problems += error.problems
            out.context = replace(out.context, init=init_files(router, image, fetched))
            return self._named(out, image, fetched, {})
        out.context = replace(out.context, init=init_files(router, image, fetched))
        for started in setup.containers:
            if started.container is router:
                secret = [name for name, value in started.environment.items() if value.startswith("<secret")]
                environ |= {name: self._unknown(name) for name in secret}
        out.setup = setup
        if setup.include and setup.include.s3:
            object_name, copy = os.path.basename(setup.include.s3), os.path.basename(setup.include.path)
            fetched[copy] = fetched.get(object_name, object_name)
        places = {n: place for n, place in lines(setup) if place}
        if router and router.firelens and router.firelens.type == "fluentd":
            self._load(out, lambda: load(plan.config, (), environ, "fluentd"))
            return self._named(out, image, {main: "", **fetched}, places)
        found = Problems()
        try:
            document = read(plan.config, found)
            with_parsers(document, plan)
            out.context = replace(out.context, document=document, environ=environ)
            self._load(out, lambda: build(document, found, environ))
        except ConfigError as error:
            out.problems += error.problems
        if router and (router.environment_files or {"environment", "secrets"} & router.open) and self.environ is None:
            out.problems = [p for p in out.problems if not unsure(p)]
        out.problems = [p for p in out.problems if p.code != "parsers-apart" and not OWN_MATCH.search(p.message)]
        return self._named(out, image, {main: "", **fetched}, places)

    def _noting(self, fetch: Fetch, folder: Path, fetched: dict[str, str]) -> Fetch:
        """The same; what it got is noted by its name, with the local file that it is."""

        def noting(address: str) -> bytes:
            data = fetch(address)
            base = os.path.basename(address.partition("#")[0])
            found = self.given.get(address) or next(iter(sorted(map(str, folder.rglob(base)))), "")
            if found:
                fetched[base] = os.path.relpath(found)
            return data

        return noting

    # -- places -------------------------------------------------------------------------------------------------------

    def _named(self, out: Checked, image: Image, files: Mapping[str, str], lines: Mapping[int, Place]) -> Checked:
        """With the places that people know: of their own files, and of what they said in the task definition."""
        out.uses = {os.path.realpath(path) for path in image.paths}
        out.uses |= {os.path.realpath(os.path.join(out.context.document.folder, f)) for f in out.context.document.files}
        out.uses |= {os.path.realpath(path) for path in files.values() if path}
        out.uses.discard(os.path.realpath(out.file))

        def named(place: Place | None) -> Place | None:
            if place is None or place.file in ("", out.file):
                return place
            if files.get(place.file) == "":
                known = [n for n in lines if n <= place.line]
                return lines[place.line] if place.line in lines else lines[max(known)] if known else None
            original = image.original(place.file)
            base = os.path.basename(original)
            # an init process writes a part of a file as NUMBER-NAME
            shown = files.get(original) or files.get(base) or files.get(re.sub(r"^\d+-", "", base))
            if shown is None and original in image.paths and "pyrolens-" in original:
                return replace(place, file=image.paths[original])  # a file of our own image
            file = os.path.relpath(original if shown is None else shown)
            if original != place.file and place.text != line_of(file, place.line)[: len(place.text)]:
                place = replace(place, column=0, length=1, text="")  # of the copy
            return with_text(replace(place, file=file))

        def known(text: str) -> str:
            return image.original(text).replace(f"relative to {image.into}", f"relative to {image.folder}")

        told = [elsewhere(p, out.file) for p in out.problems]
        out.problems = [replace(p, place=named(p.place), message=known(p.message), hint=known(p.hint)) for p in told]
        self.place = named
        return out

    place: PlaceOf = staticmethod(lambda place: place)
    """The place that people know, of the file that was read last."""


def line_of(file: str, number: int) -> str:
    """The line without its end; "" if there is none."""
    if not os.path.isfile(file):
        return ""
    with open(file, encoding="utf-8", errors="surrogateescape") as stream:
        return next((text for n, text in enumerate(stream, 1) if n == number), "").rstrip()


def with_text(place: Place) -> Place:
    """With the text of its line, where only the line is known."""
    if not place.line or place.text or not os.path.isfile(place.file):
        return place
    line = line_of(place.file, place.line)
    begin = len(line) - len(line.lstrip())
    return replace(place, column=begin + 1, length=max(len(line) - begin, 1), text=line)


def init_files(router: Container | None, image: Image, fetched: Mapping[str, str]) -> list[InitFile]:
    if router is None:
        return []
    out = []
    for source in sources(router.environment):
        address = source.value.removeprefix("file://")
        at = image.mounts.get(address) or fetched.get(os.path.basename(address.partition("#")[0])) or ""
        text = Path(at).read_text(encoding="utf-8", errors="replace") if at else ""
        out.append(InitFile(source, router.variable_places[source.variable], str(at), text))
    return out


def lines(setup: firelens.Setup) -> Iterator[tuple[int, Place | None]]:
    """Each line of the generated config, and what in the task definition says so."""
    number = 0
    for block in setup.blocks:
        number += 1
        first = next((line.place for line in block if line.place), None)
        for line in block:
            number += 1
            yield number, line.place or first


def with_parsers(document: Document, plan: Plan) -> None:
    """The files with parsers of an init process, as -R names them."""
    for path in plan.parsers:
        place = Place(path)
        document.sections.append(Section("service", place, [Entry("parsers_file", path, place, place)]))


class Unwritten:
    """The log of an init process of which nobody asked for the steps."""

    def error(self, event: str, **fields: object) -> None: ...

    warning = info = debug = error
