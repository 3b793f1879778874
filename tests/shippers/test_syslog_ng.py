"""syslog-ng. program() acknowledges nothing, and on its end sends SIGTERM and leaves; what it wrote must be read. http()
sends again what was not answered."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..test_listen import free_port
from .daemon import children, modules, program, running, until
from .load import Load
from .recipes import recipe

LINES = 6000


def started(folder: Path, text: str) -> list[str]:
    """The command line of a syslog-ng of its own, with this configuration."""
    syslog_ng = program("syslog-ng")
    where = modules(syslog_ng, "usr/lib/syslog-ng/[0-9]*")
    (folder / "syslog-ng.conf").write_text(f"@version: {where[0].name if where else '3.38'}\n{text}")
    own = {option: str(folder / name) for option, name in (("-R", "persist"), ("-c", "control"), ("-p", "pid"))}
    words = [str(syslog_ng), "--foreground", "--no-caps", "-f", str(folder / "syslog-ng.conf")]
    words += [word for pair in own.items() for word in pair]
    return words + [f"--module-path={path}" for path in where]


def test_stopped_and_started_under_load_it_loses_nothing(tmp_path: Path) -> None:
    words = started(tmp_path, recipe("/etc/syslog-ng/conf.d/chainrun.conf", tmp_path))
    load = Load(tmp_path, LINES)
    for written in (1000, 3000, load.lines):
        with running(words, tmp_path) as daemon:
            until(lambda written=written: load.written >= written)  # type: ignore[misc]
            (consumer,) = children(daemon.pid)
        until(lambda pid=consumer: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]
    ids = load.ids()
    assert set(ids) == load.expected()
    assert ids.total() == load.lines
    assert not load.said.read_text()


@contextmanager
def listening(command: list[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A chainrun that is killed at the end."""
    with log.open("ab") as said, subprocess.Popen(command, stdout=said, stderr=said) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize(("kept", "kills"), [(True, 10), (False, 3)])
def test_whoever_kills_what_it_posts_to_no_line_is_lost(tmp_path: Path, kept: bool, kills: int) -> None:
    port = str(free_port())
    text = recipe("/etc/syslog-ng/conf.d/chainrun-http.conf", tmp_path).replace("8514", port)
    words = started(tmp_path, text.replace("batch-lines(500)", "batch-lines(100)"))
    unit = recipe("/etc/systemd/system/chainrun.service.d/listen.conf", tmp_path).replace("8514", port)
    (command,) = re.findall("^ExecStart=(.+)$", unit, re.M)
    if not kept:
        command = re.sub(r"--state \S+ --reset-changed", "--append", command)
    load = Load(tmp_path, LINES)
    with running(words, tmp_path):
        for kill in range(1, kills + 2):
            with listening(shlex.split(command), load.said) as consumer:
                enough = kill * LINES // (kills + 1)
                until(lambda enough=enough, at=consumer: load.different >= enough or at.poll() is not None)  # type: ignore[misc]
                assert consumer.poll() is None, load.said.read_text()
    ids = load.ids()
    assert set(ids) == load.expected()
    if kept:
        assert set(ids.values()) == {1}
    assert ids.total() <= LINES + kills * 100  # a post that was not answered comes again
    assert not load.said.read_text()
