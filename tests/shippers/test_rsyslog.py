"""rsyslog's omprog with acknowledgements: a line is rsyslog's until chainrun has dealt with it."""

import sys
from pathlib import Path

import pytest

from ..test_cli import MAIN
from .daemon import modules, program, running
from .load import Load

CONFIGURATION = """\
global(workDirectory="{load.folder}" maxMessageSize="1m")
module(load="imfile") module(load="omprog")
template(name="raw" type="string" string="%msg%\\n")
input(type="imfile" File="{load.events}" Tag="events:" ruleset="chains")
ruleset(name="chains" queue.type="LinkedList" queue.size="10000") {{
  action(type="omprog" template="raw" output="{load.said}"
         binary="{python} {main} {load.chain} --ack rsyslog --output {load.alerts} --quiet --no-raw"
         confirmMessages="on" useTransactions="{transactions}" confirmTimeout="10000" killUnresponsive="on"
         action.resumeRetryCount="-1" action.resumeInterval="1" signalOnClose="on" closeTimeout="5000")
}}
"""


@pytest.mark.parametrize(("transactions", "kills"), [("off", 10), ("on", 3)])
def test_whoever_kills_the_consumer_no_line_is_lost(tmp_path: Path, transactions: str, kills: int) -> None:
    rsyslogd = program("rsyslogd")
    load = Load(tmp_path, 6000)
    text = CONFIGURATION.format(load=load, python=sys.executable, main=MAIN, transactions=transactions)
    (tmp_path / "rsyslog.conf").write_text(text)
    where = [word for folder in modules(rsyslogd, "usr/lib/*-linux-gnu/rsyslog") for word in ("-M", str(folder))]
    with running([str(rsyslogd), "-n", "-f", "rsyslog.conf", "-i", str(tmp_path / "pid"), *where], tmp_path) as daemon:
        load.kill_consumers(daemon.pid, kills)
    ids = load.ids()
    assert set(ids) == load.expected()
    assert ids.total() <= load.lines + kills  # what was written, and not answered for, comes again
