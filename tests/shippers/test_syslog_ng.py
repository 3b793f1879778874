"""syslog-ng's program(): it acknowledges nothing, and on its end sends SIGTERM and leaves; what it wrote must be read."""

from pathlib import Path

from .daemon import children, modules, program, running, until
from .load import Load
from .recipes import recipe


def test_stopped_and_started_under_load_it_loses_nothing(tmp_path: Path) -> None:
    syslog_ng = program("syslog-ng")
    where = modules(syslog_ng, "usr/lib/syslog-ng/[0-9]*")
    load = Load(tmp_path, 6000)
    text = recipe("/etc/syslog-ng/conf.d/chainrun.conf", tmp_path)
    (tmp_path / "syslog-ng.conf").write_text(f"@version: {where[0].name if where else '3.38'}\n{text}")
    own = {option: str(tmp_path / name) for option, name in (("-R", "persist"), ("-c", "control"), ("-p", "pid"))}
    words = [str(syslog_ng), "--foreground", "--no-caps", "-f", str(tmp_path / "syslog-ng.conf")]
    words += [word for pair in own.items() for word in pair]
    words += [f"--module-path={path}" for path in where]
    for written in (1000, 3000, load.lines):
        with running(words, tmp_path) as daemon:
            until(lambda written=written: load.written >= written)  # type: ignore[misc]
            (consumer,) = children(daemon.pid)
        until(lambda pid=consumer: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]
    ids = load.ids()
    assert set(ids) == load.expected()
    assert ids.total() == load.lines
    assert not load.said.read_text()
