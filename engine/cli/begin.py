"""A run as the command line begins it: what is wrong with a file that its options name is a sentence, exit code 3."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, cast

from ..baseline import BaselineError
from ..chains import Library
from ..checkpoint.file import StateError
from ..checkpoint.stamp import Stamp
from ..event import Origin
from ..formats import FormatError
from ..intake.hearing import ListenError
from ..intake.inventory import InventoryError
from ..report.escape import excerpt
from ..restart import Keeper
from ..run import Options, Run
from .ack import Rsyslog
from .exits import Exit, UsageError

_TOLD = 3  # faults of one file that are told; of an export of the wrong columns every line is one


def begin(
    library: Library,
    inputs: Sequence[str],
    options: Options,
    on_progress: Callable[[int, int], None] | None = None,
    sender: Rsyslog | None = None,
    on_wait: Callable[[], None] | None = None,
    keep: Callable[[Stamp], Keeper] | None = None,
    on_bad: Callable[[bytes | None, Origin, str], None] | None = None,
) -> Run:
    """The run of these chains, ready to be iterated."""
    stdin = cast(IO[bytes], sender) if sender is not None else 0
    with sound():
        return Run(
            library.analytics,
            inputs,
            options,
            stdin=stdin,
            stream=bool(sender),
            on_progress=on_progress,
            on_wait=on_wait,
            keep=keep,
            on_bad=on_bad,
        )


@contextmanager
def sound() -> Iterator[None]:
    """Tells what is wrong with the files that options name: telemetry formats, inventories, baselines, states; and with
    the addresses."""
    try:
        yield
    except FormatError as error:
        raise UsageError(_told(error.faults), "`chainrun formats`") from error
    except (InventoryError, BaselineError) as error:
        raise UsageError(_told(error.faults)) from error
    except StateError as error:
        raise UsageError(excerpt(error, 600), error.help) from error
    except ListenError as error:  # which may be free again by and by: whoever restarts what failed is to try again
        raise UsageError(excerpt(error, 300), error.help, Exit.UNREADABLE) from error


def _told(faults: Sequence[object]) -> str:
    more = f"; and {len(faults) - _TOLD:,} more" if len(faults) > _TOLD else ""
    return "; ".join(excerpt(fault, 300) for fault in faults[:_TOLD]) + more
