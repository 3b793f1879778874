"""`import chainrun`: what a library user has, and what it costs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import chainrun
import pytest

CHAIN = "Shells = { powershell.exe }\nspawn(Shells) as shell -> egress within 10m\n"


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    path = tmp_path / "t.chain"
    path.write_text(CHAIN)
    return path


def started(at: int, pid: int, name: str) -> "chainrun.Event":
    fields = {"process.pid": pid, "process.name": name, "process.parent.pid": 1, "process.parent.name": "explorer.exe"}
    return chainrun.Event(
        at * 1_000_000, frozenset({"spawn", "exec", "event"}), fields, host="h", origin=chainrun.Origin("x", at + 1, 0)
    )


def connected(at: int, pid: int) -> "chainrun.Event":
    fields = {"process.pid": pid, "destination.ip": "203.0.113.9", "destination.port": 443}
    kinds = frozenset({"egress", "connect", "event"})
    return chainrun.Event(at * 1_000_000, kinds, fields, host="h", origin=chainrun.Origin("x", at + 1, 0))


def test_importing_costs_nothing_until_a_name_is_used() -> None:
    watch = "import sys; before = set(sys.modules); import chainrun; print(*(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True).stdout
    assert [name for name in out.split() if name.startswith("chainrun")] == ["chainrun"]
    assert not {name.split(".")[0] for name in out.split()} & {"lark", "msgspec", "typer", "importlib.metadata"}


def test_every_public_name_is_there() -> None:
    for name in chainrun.__all__:
        assert getattr(chainrun, name) is not None
    assert set(dir(chainrun)) == set(chainrun.__all__)
    assert chainrun.__version__[0].isdigit()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        chainrun.nothing  # noqa: B018


def test_events_of_ones_own_can_be_fed(chain: Path) -> None:
    engine = chainrun.Engine([chainrun.load(chain)])
    assert engine.feed(started(0, 7, "powershell.exe")) == []
    [alert] = engine.feed(connected(9, 7))
    assert isinstance(alert, chainrun.Alert)
    assert alert.scope == {"host.name": "h"}
    assert "powershell.exe (7)" in chainrun.to_block(alert)
    assert json.loads(chainrun.to_line(alert))["alert_id"] == alert.alert_id


def test_a_wrong_chain_raises_all_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bad.chain"
    path.write_text("opn -> wrte within 5m\n")
    with pytest.raises(chainrun.ChainError) as caught:
        chainrun.load(path)
    assert len(caught.value.diagnostics) == 2
    with pytest.raises(chainrun.ChainError):
        chainrun.load(tmp_path / "absent.chain")
    with pytest.raises(chainrun.ChainError):
        chainrun.run(tmp_path, [])
    library = chainrun.read_library([path])
    assert (library.analytics, len(library.errors), library.files) == ((), 1, 1)


def test_an_analytic_knows_the_sites_users(tmp_path: Path) -> None:
    """One account under two names, as the site file says."""
    (tmp_path / "u.chain").write_text("spawn ~> egress within 10m per user\n")
    (tmp_path / "site.toml").write_text("[all.users]\n'CORP\\a' = \"a@corp\"\n")

    def alerts(analytic: "chainrun.Analytic") -> int:
        events = [started(0, 7, "cmd.exe"), connected(9, 8)]
        for event, name in zip(events, ("CORP\\a", "a@corp"), strict=True):
            event.fields["user.name"] = name
        return len(list(chainrun.Engine([analytic]).run(events)))

    path = tmp_path / "u.chain"
    assert alerts(chainrun.load(path)) == 0
    assert alerts(chainrun.load(path, site=tmp_path / "site.toml")) == 1


def test_settings_are_those_of_the_command_line(chain: Path, tmp_path: Path) -> None:
    analytic = chainrun.load(chain, settings=["Shells+={ cmd.exe }"])
    [parameter] = [p for p in analytic.parameters if p.name == "Shells"]
    assert parameter.value == "{ powershell.exe, cmd.exe }"
    assert parameter.origin == "--set"
    site = tmp_path / "s.toml"
    site.write_text('[t]\nShells = ["a.exe"]\n')
    [parameter] = [p for p in chainrun.load(chain, site=site).parameters if p.name == "Shells"]
    assert parameter.value == "{ a.exe }"
    with pytest.raises(chainrun.ChainError):
        chainrun.load(chain, settings=["Shels={ a }"])


def test_a_run_tells_what_became_of_it(chain: Path, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text('{"nothing": 1}\n\n{oops\n')
    run = chainrun.run(chainrun.load(chain), tmp_path / "e.jsonl")
    assert list(run) == []
    assert (run.alerts, run.is_complete) == (0, True)
    assert (run.tally.lines, run.tally.blank, run.tally.bad_lines) == (3, 1, 2)
    assert [s.title for s in run.funnels[0].steps] == ["spawn(Shells)", "egress"]


def test_an_input_that_cannot_be_read_is_told_afterwards(chain: Path) -> None:
    run = chainrun.run(chain, ["absent.jsonl"])
    assert list(run) == []
    assert not run.is_complete


def test_an_unknown_telemetry_format_is_refused_before_the_run(chain: Path) -> None:
    with pytest.raises(chainrun.FormatError, match="did you mean `evtx`"):
        chainrun.run(chain, [], chainrun.Options(telemetry=("evtxx",)))


def test_progress_is_told_to_whoever_asks(chain: Path, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text("{}\n" * 10)
    told: list[tuple[int, int]] = []
    progress: Callable[[int, int], None] = lambda done, total: told.append((done, total))  # noqa: E731
    list(chainrun.Run([chainrun.load(chain)], [str(tmp_path / "e.jsonl")], on_progress=progress))
    assert told[-1] == (30, 30)
