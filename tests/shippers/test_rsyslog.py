"""rsyslog's omprog with acknowledgements: a line is rsyslog's until chainrun has dealt with it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .daemon import modules, program, running
from .load import Load
from .recipes import recipe

LINES = 6000


def shipped(folder: Path, kills: int, change: Callable[[str], str]) -> Counter[str]:
    """How often each alert was written, the recipe changed, and the consumer killed so many times; none is missing."""
    rsyslogd = program("rsyslogd")
    load = Load(folder, LINES)
    text = recipe("/etc/rsyslog.d/60-chainrun.conf", folder)
    text = change(text.replace("global(", f'global(workDirectory="{folder}" '))
    (folder / "rsyslog.conf").write_text(text)
    where = [word for folder in modules(rsyslogd, "usr/lib/*-linux-gnu/rsyslog") for word in ("-M", str(folder))]
    with running([str(rsyslogd), "-n", "-f", "rsyslog.conf", "-i", str(folder / "pid"), *where], folder) as daemon:
        load.kill_consumers(daemon.pid, kills)
    ids = load.ids()
    assert set(ids) == load.expected()
    return ids


@pytest.mark.parametrize(("transactions", "kills"), [("off", 10), ("on", 3)])
def test_whoever_kills_the_consumer_no_line_is_lost(tmp_path: Path, transactions: str, kills: int) -> None:
    ids = shipped(
        tmp_path,
        kills,
        lambda text: text.replace('confirmMessages="on"', f'confirmMessages="on" useTransactions="{transactions}"'),
    )
    assert ids.total() <= LINES + kills  # what was written, and not answered for, comes again


def test_with_its_state_kept_nothing_is_written_twice_either(tmp_path: Path) -> None:
    ids = shipped(tmp_path, 5, lambda text: text.replace(" --ack", f" --state {tmp_path}/kept --ack"))
    assert set(ids.values()) == {1}
