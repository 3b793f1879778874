"""A run with `--state` in a process of its own, which kills itself at a named point: what `test_kills` starts.

    python killable.py CHAIN STATE OUTPUT COUNT POINT files|stream|follow INPUT...

POINT is a point that a checkpoint passes, and it dies there the COUNTth time; with `-` it runs to its end, which is that
of a followed file when nothing has come for a while. Blocks are
small and a checkpoint follows each, so that a short stream has hundreds of places to die at.
"""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from chainrun.engine.chains import load
from chainrun.engine.cli.sink import Form, open_sink
from chainrun.engine.intake import follow, source
from chainrun.engine.restart import Keeper
from chainrun.engine.run import Options, Run

BLOCK = 1500
SILENT = 16  # looks at a followed file


def main() -> None:
    chain, state, output, count, point, how, *inputs = sys.argv[1:]
    left = int(count)

    def die(at: str) -> None:
        nonlocal left
        left -= at == point
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    source.READ = follow.READ = BLOCK
    told: list[int] = []

    def wait() -> None:
        told.append(run.tally.lines)
        if how == "follow" and len(told) > SILENT and told[-1] == told[-SILENT]:
            run.stop()

    run = Run(
        [load(chain)],
        inputs,
        Options(lateness=5_000_000, updates=True, follow=how == "follow"),
        stream=how == "stream",
        on_wait=wait,
        keep=lambda stamp: Keeper(Path(state), stamp, every=0, share=0, at=die),
    )
    with closing(open_sink(Form.JSONL, Path(output), append=False, keeper=run.keeper)) as sink:
        for alert in run:
            sink.write(alert)


if __name__ == "__main__":
    main()
