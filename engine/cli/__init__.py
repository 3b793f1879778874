"""The command line: parses, calls, prints. One file a verb; what it decides, a library user can decide too.

`main` is the console script. It is also the last line of defence: whatever happens, a user sees a sentence and an exit
code, never a traceback (but with CHAINRUN_DEBUG=1).
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from ..report.escape import escape, excerpt
from .app import run_app
from .exits import Exit, UsageError
from .streams import fit_streams

__all__ = ["Exit", "main"]

REPORT = "this is a fault of chainrun: please report it with the command and the input (CHAINRUN_DEBUG=1 shows more)"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit code."""
    with fit_streams():
        return _main(sys.argv[1:] if argv is None else argv)


def _main(argv: Sequence[str]) -> int:
    try:
        code = run_app(list(argv))
        sys.stdout.flush()
    except UsageError as error:
        _say(str(error), error.hint)
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough (standard error never raises). Nothing more can be said there, not even by
        # the interpreter's last flush.
        _silence_stdout()
        return Exit.OK
    except OSError as error:  # a full disk, a closed terminal; inputs that fail are `intake`'s to tell of
        where = f"{excerpt(error.filename, 200)}: " if error.filename else ""
        _say(f"{where}{(error.strerror or str(error)).lower()}", "")
        return Exit.UNREADABLE
    except Exception as error:
        if os.environ.get("CHAINRUN_DEBUG"):
            raise
        _say(f"{type(error).__name__}: {excerpt(error, 300)}", REPORT)
        return Exit.INTERNAL
    return code


def _say(message: str, hint: str) -> None:
    with suppress(OSError):  # nobody may be listening there either
        sys.stderr.write(f"error: {escape(message)}\n" + (f"  = help: {escape(hint)}\n" if hint else ""))


def _silence_stdout() -> None:
    with suppress(OSError, ValueError):  # a test's buffer is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
