"""rsyslog's omprog with acknowledgements: a line is rsyslog's until chainrun has dealt with it."""

from pathlib import Path

import pytest

from .daemon import modules, program, running
from .load import Load
from .recipes import recipe


@pytest.mark.parametrize(("transactions", "kills"), [("off", 10), ("on", 3)])
def test_whoever_kills_the_consumer_no_line_is_lost(tmp_path: Path, transactions: str, kills: int) -> None:
    rsyslogd = program("rsyslogd")
    load = Load(tmp_path, 6000)
    text = recipe("/etc/rsyslog.d/60-chainrun.conf", tmp_path)
    text = text.replace("global(", f'global(workDirectory="{tmp_path}" ')
    text = text.replace('confirmMessages="on"', f'confirmMessages="on" useTransactions="{transactions}"')
    (tmp_path / "rsyslog.conf").write_text(text)
    where = [word for folder in modules(rsyslogd, "usr/lib/*-linux-gnu/rsyslog") for word in ("-M", str(folder))]
    with running([str(rsyslogd), "-n", "-f", "rsyslog.conf", "-i", str(tmp_path / "pid"), *where], tmp_path) as daemon:
        load.kill_consumers(daemon.pid, kills)
    ids = load.ids()
    assert set(ids) == load.expected()
    assert ids.total() <= load.lines + kills  # what was written, and not answered for, comes again
