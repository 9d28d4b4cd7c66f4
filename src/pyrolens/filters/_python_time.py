"""How long a script may take: when its time is up, an error is raised in the midst of it.

Python runs the handler of a signal between two instructions, and sleeping and waiting for a socket end for it; only
what stays within one call of C that looks for no signals cannot be stopped. It works in the main thread, where the
router does all of its filtering.
"""

import os
import signal
import threading
from types import FrameType

from pyrolens.records.regex.budget import WATCH

OURS = os.path.join(os.path.dirname(__file__), "")
"""Nothing is raised in our own code, between two calls of the function."""
AGAIN, SOON = 0.5, 0.001
"""Seconds to the next try, where the error was swallowed (Python drops what is raised in a destructor), and where it
was a bad moment."""


class TimeIsUpError(BaseException):
    """No Exception, which a script may well catch."""


class Alarm:
    """The timer of the process is one: patterns have it outside of scripts."""

    def __init__(self) -> None:
        self.runs = False

    def start(self, seconds: float) -> None:
        """From now on until stop() the time is running; 0: it never ends. Raises: TimeIsUpError, in the script."""
        if not seconds or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGALRM) != self.on_alarm:
            signal.signal(signal.SIGALRM, self.on_alarm)
        WATCH.fires = 0.0
        self.runs = True
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)

    def stop(self) -> None:
        if self.runs:
            self.runs = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def on_alarm(self, number: int, frame: FrameType | None) -> None:
        if not self.runs:
            return
        if frame is None or frame.f_code.co_filename.startswith(OURS):
            signal.setitimer(signal.ITIMER_REAL, SOON, AGAIN)
            return
        raise TimeIsUpError


ALARM = Alarm()
