"""What a start says that is no mistake of the config: of files that are elsewhere, and of variables that are."""

import re
from dataclasses import replace

from pyrolens.ecs.image import MAIN
from pyrolens.problems import Problem


def elsewhere(problem: Problem, file: str) -> Problem:
    """A file in the image, or in S3, may be right where it is; only here it is not. What stands beside the main file
    in the image is here, too."""
    named = problem.place is not None and problem.place.file == file
    path = problem.message.partition(" ")[0]
    if problem.code not in ("no-file", "init") or not (named or not path.startswith(f"{MAIN}/")):
        return problem
    return replace(problem, code="not-here") if NOT_HERE.search(problem.message) else problem


OWN_MATCH = re.compile(r": Match is given twice")
"""Of log options, which is told where they are."""
NOT_HERE = re.compile(r"no (?:local )?file (?:here )?is known|may be any of these local files")


def unsure(problem: Problem) -> bool:
    """Whether it comes from a variable of which the value is not known here."""
    if problem.code == "variable-stuck":
        return False
    return problem.code == "variable-unset" or bool(problem.place and "${" in problem.place.text)
