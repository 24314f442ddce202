"""The wrapped server's process: started, signalled and waited for as if we were not there."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from indelible.capture.process import usage_of
from indelible.model.event import Usage

PASSED_ON = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
_WAITED_FOR = PASSED_ON | {signal.SIGCHLD}
_PR_SET_PDEATHSIG = 1
_SI_KERNEL = 0x80
"""si_code of a signal that the terminal sent: the whole foreground group has it already."""

_NAMES = {int(known): known.name for known in signal.Signals}
"""Not every signal has a name: of those for real-time use only the ends have one."""

NOT_FOUND = 127
NOT_EXECUTABLE = 126


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: by itself, with a code, or by a signal."""

    exit_code: int | None
    signal: int | None
    usage: Usage | None = None

    def __str__(self) -> str:
        if self.signal is None:
            return f"exit code {self.exit_code}"
        return f"signal {_NAMES.get(self.signal, self.signal)}"


def spawn(argv: list[str]) -> subprocess.Popen[bytes]:
    """Start the server with pipes for its stdin and stdout, in our process group.

    Its stderr, environment, working directory and process group are ours: a
    client that kills the group must reach it. Signals stay blocked in us from
    here on, for `wait` to receive. Call it from the main thread,
    before any other is started.

    Raises:
        OSError: If it cannot be started.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    # While we ignore it, the system tells nobody that a child ended, nor how.
    when_child_ends = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return subprocess.Popen(
        argv,
        executable=shutil.which(argv[0]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        preexec_fn=_in_child(os.getpid(), when_child_ends),  # noqa: PLW1509 — no thread of ours runs yet
    )


def _in_child(parent: int, when_child_ends: Any) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def prepare() -> None:
        signal.signal(signal.SIGCHLD, when_child_ends)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAITED_FOR)
        if libc is not None:
            # prctl(2): without us the server would live on as an orphan.
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)

    return prepare


def wait(process: subprocess.Popen[bytes]) -> Ending:
    """Wait for *process* to end, passing on the signals that reach us meanwhile."""
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        info = signal.sigwaitinfo(_WAITED_FOR)
        if info.si_signo in PASSED_ON and info.si_code != _SI_KERNEL:
            _pass_on(process.pid, info.si_signo)
    process.returncode = code = os.waitstatus_to_exitcode(ended[1])
    usage = usage_of(ended[2])
    return Ending(None, -code, usage) if code < 0 else Ending(code, None, usage)


def _pass_on(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except PermissionError:
        # It runs as another user by now (sudo), out of our client's reach as well. The end
        # of its input still reaches it; until then everything stays on record.
        return


def take_signals_again() -> None:
    """Let signals end us again, now that the server is gone; those meant for it are void."""
    while signal.sigtimedwait(PASSED_ON, 0) is not None:
        pass
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)


def exit_like(ending: Ending) -> int:
    """Return the exit code to end with; where a signal ended the server, die by it too."""
    if ending.signal is None:
        return ending.exit_code or 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if ending.signal != signal.SIGKILL:
        signal.signal(ending.signal, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {ending.signal})
    os.kill(os.getpid(), ending.signal)
    return 128 + ending.signal


def why_not_started(argv: list[str], error: OSError) -> tuple[int, str]:
    """Return the shell's exit code for a command that cannot be started, and why it cannot."""
    if isinstance(error, FileNotFoundError):
        return NOT_FOUND, f"cannot start {argv[0]!r}: not found on PATH"
    return NOT_EXECUTABLE, f"cannot start {argv[0]!r}: {error.strerror}"
