"""The options of `run`, `baseline` and `test` that reach beyond one stream: what was seen before, whose an address is,
what a site knows; and what they refuse, in sentences."""

import gzip
import json
from pathlib import Path

import pytest
from chainrun.engine.cli.exits import Exit

from .command import CHAIN, EVENTS, Command, alerts, connection, start, sysmon

# -- editions and exceptions ----------------------------------------


def test_an_alert_that_grew_is_written_twice(here: Path, chainrun: Command) -> None:
    (here / "two.jsonl").write_text(EVENTS + connection(12, 100))
    code, out, err = chainrun("t.chain", "two.jsonl", "--updates", "--fail-on-alert")
    first, again = alerts(out)
    assert code == Exit.FOUND
    assert [first["revision"], again["revision"]] == [0, 1]
    assert first["alert_id"] == again["alert_id"]
    assert (first["steps"][1]["count"], again["steps"][1]["count"]) == (1, 2)
    assert "t/main  1 alert, 1 later completion counted with it" in err  # one alert, in two editions
    assert len(alerts(chainrun("t.chain", "two.jsonl")[1])) == 1
    assert len(alerts(chainrun("t.chain", "hit.jsonl", "--updates")[1])) == 1


WSUS = start(0, 100, "cmd.exe") + connection(9, 100, port=8530) + connection(10, 100, port=8530)


def test_what_is_suppressed_is_written_when_asked_for_and_is_no_alert(here: Path, chainrun: Command) -> None:
    (here / "wsus.jsonl").write_text(WSUS + start(20, 200, "cmd.exe") + connection(21, 200, port=8530))
    code, out, err = chainrun("t.chain", "wsus.jsonl", "--show-suppressed", "--fail-on-alert")
    assert code == Exit.OK
    assert [a["suppressed"] for a in alerts(out)] == [{"reason": "updates", "owner": None, "until": None}] * 2
    assert [a["steps"][0]["entity"]["process.pid"] for a in alerts(out)] == [100, 200]  # one a causal chain
    assert "t/main  0 alerts, 3 excepted as “updates”" in err
    assert chainrun("t.chain", "wsus.jsonl", "--fail-on-alert")[:2] == (Exit.OK, "")


def test_one_suppressed_alert_a_reason(here: Path, chainrun: Command) -> None:
    (here / "t.chain").write_text(f'{CHAIN}except "again" when out.destination.port == 9 owner "it" until 2027-01-31\n')
    (here / "wsus.jsonl").write_text(WSUS + connection(11, 100, port=9) + connection(12, 100, port=9))
    _, out, err = chainrun("t.chain", "wsus.jsonl", "--show-suppressed", "--updates")
    assert [a["suppressed"]["reason"] for a in alerts(out)] == ["updates", "again"]
    assert alerts(out)[1]["suppressed"] == {"reason": "again", "owner": "it", "until": "2027-01-31"}
    assert "2 excepted as “again” (it), 2 excepted as “updates”" in err


def test_what_is_suppressed_hides_no_alert(here: Path, chainrun: Command) -> None:
    (here / "both.jsonl").write_text(WSUS + connection(15, 100))
    code, out, _ = chainrun("t.chain", "both.jsonl", "--show-suppressed", "--fail-on-alert")
    assert [("suppressed" in a, a["last_time"][17:19]) for a in alerts(out)] == [(True, "09"), (False, "15")]
    assert code == Exit.FOUND
    _, text, _ = chainrun("t.chain", "both.jsonl", "--show-suppressed", "--format", "text")
    assert text.startswith("MEDIUM, suppressed  t\n")


def test_what_an_exception_kept_from_a_step_is_counted(here: Path, chainrun: Command) -> None:
    (here / "t.chain").write_text(
        "W = 10m\nspawn as shell -> egress within W\n"
        'except "updater" on shell when process.name == "cmd.exe" owner "client-team"\n'
    )
    (here / "e.jsonl").write_text(start(0, 100, "cmd.exe") + start(1, 101, "cmd.exe", 100) + connection(9, 100))
    code, out, err = chainrun("t.chain", "e.jsonl", "--show-suppressed")
    assert (code, out) == (Exit.OK, "")  # no match was suppressed
    assert "t/main  0 alerts, 2 events of a step excepted as “updater” (client-team)" in err


# -- what is not known ----------------------------------------

LOOKS_BACK = "spawn as s without prior write in 1h\n"
RENAMED = "spawn where new(process.name among spawn in 5s)\n"


@pytest.mark.parametrize("text", [LOOKS_BACK, RENAMED])
def test_a_look_back_beyond_the_first_record_needs_leave(here: Path, chainrun: Command, text: str) -> None:
    (here / "n.chain").write_text(text)
    assert chainrun("n.chain", "hit.jsonl")[:2] == (Exit.OK, "")
    code, out, _ = chainrun("n.chain", "hit.jsonl", "--allow-unproven")
    assert code == Exit.OK
    assert [a["flags"] for a in alerts(out)] == [["unproven"]]


def test_a_look_back_over_what_was_seen_needs_none(here: Path, chainrun: Command) -> None:
    (here / "n.chain").write_text(RENAMED)
    (here / "e.jsonl").write_text(start(0, 100, "cmd.exe") + start(9, 101, "calc.exe") + start(10, 102, "calc.exe"))
    _, out, _ = chainrun("n.chain", "e.jsonl")
    assert [(a["flags"], a["last_time"][17:19]) for a in alerts(out)] == [([], "09")]


# -- baselines ----------------------------------------


@pytest.fixture
def past(here: Path) -> Path:
    """A chain that asks what is new, and telemetry of before: a minute, with a name every twenty seconds."""
    (here / "n.chain").write_text("spawn where new(process.name among spawn in 40s)\n")
    before = [start(second, second, "cmd.exe") for second in (0, 20, 40)]
    (here / "before.jsonl").write_text("".join([*before, start(41, 41, "old.exe")]))
    (here / "now.jsonl").write_text(start(60, 60, "cmd.exe") + start(61, 61, "new.exe") + start(62, 62, "old.exe"))
    return here


def test_what_a_baseline_has_not_seen_is_new(past: Path, chainrun: Command) -> None:
    code, out, err = chainrun("baseline", "n.chain", "before.jsonl", "-o", "b.json")
    assert (code, out) == (Exit.OK, "")
    assert err.splitlines()[0] == "read     4 lines of 1 input (2.3 KB)"
    assert err.splitlines()[-1] == (
        "learned  new(process.name among spawn): 2 combinations, 2026-03-01T10:00:00Z to 2026-03-01T10:00:41Z"
    )
    assert chainrun("n.chain", "now.jsonl")[1] == ""
    _, out, _ = chainrun("n.chain", "now.jsonl", "--baseline", "b.json")
    (alert,) = alerts(out)
    assert (alert["flags"], alert["steps"][0]["entity"]["process.name"]) == ([], "new.exe")


def test_a_baseline_goes_to_standard_output_too(past: Path, chainrun: Command) -> None:
    code, out, err = chainrun("baseline", "-q", "n.chain", "before.jsonl")
    assert (code, err) == (Exit.OK, "")
    assert json.loads(out)["chainrun"] == "baseline"
    assert chainrun("baseline", "n.chain", "-o", "b.json", "before.jsonl")[0] == Exit.OK
    assert (past / "b.json").read_text() == out


def test_baselines_are_put_together(past: Path, chainrun: Command) -> None:
    (past / "half.jsonl").write_text(start(30, 30, "cmd.exe") + start(40, 40, "cmd.exe"))
    (past / "other.jsonl").write_text(start(0, 0, "x.exe") + start(25, 25, "new.exe") + start(30, 30, "x.exe"))
    for name in ("half", "other"):
        assert chainrun("baseline", "-q", "n.chain", f"{name}.jsonl", "-o", f"{name}.json")[0] == Exit.OK
    assert chainrun("n.chain", "now.jsonl", "--baseline", "half.json")[1] == ""
    _, out, _ = chainrun("n.chain", "now.jsonl", "--baseline", "half.json", "--baseline", "other.json")
    assert [a["steps"][0]["entity"]["process.name"] for a in alerts(out)] == ["old.exe"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["t.chain", "before.jsonl"], Exit.USAGE, "none of these chains asks for anything with `new(…)`"),
        (["before.jsonl"], Exit.USAGE, "no chain is named"),
        (["n.chain", "empty.jsonl"], Exit.USAGE, "there are no events to learn from"),
        (["n.chain", "absent.jsonl"], Exit.UNREADABLE, "absent.jsonl does not exist"),
        (["n.chain", "before.jsonl", "-o", "no/such/b.json"], Exit.USAGE, "cannot be written"),
        (["n.chain", "before.jsonl", "-o", "before.jsonl"], Exit.USAGE, "`before.jsonl` is read by this run"),
        (["n.chain", "before.jsonl", "-o", "n.chain"], Exit.USAGE, "`n.chain` is read by this run"),
        (["n.chain", "before.jsonl", "--inventory", "no.csv"], Exit.USAGE, "no.csv: cannot be read"),
        (["n.chain", "before.jsonl", "--telemetry", "evtxx"], Exit.USAGE, "did you mean `evtx`?"),
        (["bad.chain", "before.jsonl"], Exit.WRONG_CHAIN, "error[C2"),
        (["n.chain", "before.jsonl", "--set", "W=5m"], Exit.WRONG_CHAIN, "no parameter is called `W`"),
    ],
)
def test_what_cannot_be_learnt_from_is_said(
    past: Path, chainrun: Command, words: list[str], code: Exit, said: str
) -> None:
    (past / "bad.chain").write_text("spwn")
    (past / "empty.jsonl").write_text("")
    before = (past / "before.jsonl").read_bytes()
    found, out, err = chainrun("baseline", "-q", *words)
    assert (found, out) == (code, "")
    assert said in err
    assert (past / "before.jsonl").read_bytes() == before


def test_what_could_be_read_is_learnt(past: Path, chainrun: Command) -> None:
    (past / "cut.jsonl.gz").write_bytes(gzip.compress(start(0, 1, "x.exe").encode())[:-9])
    code, _, err = chainrun("baseline", "n.chain", "before.jsonl", "cut.jsonl.gz", "-o", "b.json")
    assert code == Exit.UNREADABLE
    assert "cut.jsonl.gz" in err
    assert json.loads((past / "b.json").read_text())["seen"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "b.json: cannot be read: no such file or directory"),
        ("", "b.json: is no baseline"),
        (EVENTS, "b.json: is no baseline"),
        ("\x1b[2J{", "b.json: is no baseline"),
        ('{"chainrun":"baseline","version":7,"since":0,"until":0,"seen":[]}', "of version 7"),
        ('{"chainrun":"baseline","version":1,"since":1,"until":0,"seen":[]}', "it ends before it begins"),
        (
            '{"chainrun":"baseline","version":1,"since":0,"until":1,'
            '"seen":[{"kind":"spawn","fields":["process.name"],"values":[[[{}],1]]}]}',
            "$.seen[0].values[0][0][0]",
        ),
    ],
)
def test_a_broken_baseline_is_a_sentence(past: Path, chainrun: Command, text: str | None, said: str) -> None:
    if text is not None:
        (past / "b.json").write_text(text)
    code, out, err = chainrun("n.chain", "now.jsonl", "--baseline", "b.json")
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("error: ") and said in err
    assert len(err.splitlines()) == 1 and err[:-1].isprintable()


# -- whose an address is ----------------------------------------


def flow(second: int, source: str, to: str) -> str:
    ends = {"id.orig_h": source, "id.orig_p": 5, "id.resp_h": to, "id.resp_p": 443}
    return json.dumps({"ts": 1772359200 + second, "uid": "C1", "proto": "tcp", "conn_state": "SF", **ends}) + "\n"


@pytest.fixture
def sensor(here: Path) -> Path:
    """A host's own records, and a network sensor's flows that name no host."""
    (here / "f.chain").write_text('spawn({ cmd.exe }) ~> connect("203.0.113.9") within 10m\n')
    (here / "host.jsonl").write_text(start(0, 100, "cmd.exe"))
    (here / "flows.jsonl").write_text(flow(30, "10.0.0.5", "203.0.113.9"))
    return here


def test_flows_are_of_the_host_that_had_the_address(sensor: Path, chainrun: Command) -> None:
    words = "f.chain", "host.jsonl", "flows.jsonl"
    assert chainrun(*words)[:2] == (Exit.OK, "")
    (sensor / "i.csv").write_text("address,host\n10.0.0.0/24,WIN-1.corp.example\n10.0.0.6,win-2\n")
    code, out, _ = chainrun(*words, "--inventory", "i.csv")
    (alert,) = alerts(out)
    assert (code, alert["scope"]) == (Exit.OK, {"host.name": "win-1"})
    assert [s["witness"]["input"] for s in alert["steps"]] == ["host.jsonl", "flows.jsonl"]
    (sensor / "i.csv").write_text("address,host\n10.0.0.0/24,win-1\n10.0.0.5,win-2\n")
    assert chainrun(*words, "--inventory", "i.csv")[1] == ""  # the longest network decides


def test_normalise_shows_whose_flows_are_by_an_inventory(sensor: Path, chainrun: Command) -> None:
    def host(*options: str) -> str:
        code, out, _ = chainrun("normalise", "flows.jsonl", *options)
        assert code == Exit.OK
        (event,) = alerts(out)
        return str(event["host"])

    (sensor / "i.csv").write_text("address,host\n10.0.0.5,win-1\n")
    assert [host(), host("--inventory", "i.csv")] == ["flows.jsonl", "win-1"]
    (sensor / "i.csv").write_text("address,hots\n")
    code, out, err = chainrun("normalise", "flows.jsonl", "--inventory", "i.csv")
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("error: i.csv:1: the header names no `host`")


@pytest.mark.parametrize(
    ("until", "found"), [("2026-03-01T10:00:31Z", 1), ("2026-03-01T10:00:30Z", 0), ("2026-03-01", 1)]
)
def test_an_address_is_a_hosts_for_a_time(sensor: Path, chainrun: Command, until: str, found: int) -> None:
    row = {"address": "10.0.0.5", "host": "win-1", "from": "2026-03-01", "until": until}
    (sensor / "i.jsonl").write_text(json.dumps(row) + "\n")
    _, out, _ = chainrun("f.chain", "host.jsonl", "flows.jsonl", "--inventory", "i.jsonl")
    assert len(alerts(out)) == found


def test_where_the_inventory_is_silent_hosts_tell(sensor: Path, chainrun: Command) -> None:
    """`win-1` is seen to connect from this address itself."""
    (sensor / "host.jsonl").write_text(
        start(0, 100, "cmd.exe") + connection(5, 100, port=80).replace(".113.9", ".113.1")
    )
    assert len(alerts(chainrun("f.chain", "host.jsonl", "flows.jsonl")[1])) == 1
    (sensor / "i.csv").write_text("address,host\n10.0.0.5,win-9\n")
    assert chainrun("f.chain", "host.jsonl", "flows.jsonl", "--inventory", "i.csv")[1] == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "i.csv: cannot be read"),
        (b"\xff\xfe", "i.csv:1: is not UTF-8"),
        (b"ip,host\n", "i.csv:1: the header names no `address`"),
        (b"address,hots\n", "i.csv:1: the header names no `host`"),
        (b"address,host,form\n", "did you mean `from`?"),
        (b"address,host\n10.0.0.5,a\n10.0.0.256,b\n", "i.csv:3: `10.0.0.256` is no address or network"),
        (b"address,host\n10.0.0.5,a\n10.0.0.5,b\n", "i.csv:3: line 2 gives this address to another host"),
        (b'address,host\n"10.0.0.5,a\n', "the quotes of this line do not match"),
        (b"address,host\n\x1b[2J,a\n", "is no address or network"),
        (b'{"address": "10.0.0.5"}\n', "i.csv:1: no host is named"),
        (b"{\n", "i.csv:1: this is no JSON object"),
        (b"address,host\n" + b"x,a\n" * 5000, "; and 4,997 more"),
    ],
)
def test_a_broken_inventory_is_a_sentence(sensor: Path, chainrun: Command, data: bytes | None, said: str) -> None:
    if data is not None:
        (sensor / "i.csv").write_bytes(data)
    code, out, err = chainrun("f.chain", "host.jsonl", "flows.jsonl", "--inventory", "i.csv")
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("error: i.csv") and said in err
    assert len(err.splitlines()) == 1 and err[:-1].isprintable() and len(err) < 1000


# -- one user of several names ----------------------------------------

ONE_USER = "[all.users]\n'CORP\\a' = \"a@corp\"\n"


@pytest.fixture
def accounts(here: Path) -> Path:
    """A start by `CORP\\a`, and a connection by `a@corp`."""
    (here / "u.chain").write_text("spawn({ cmd.exe }) ~> egress within 10m per user\n")
    (here / "u.jsonl").write_text(by("CORP\\a", start(0, 100, "cmd.exe")) + by("a@corp", connection(9, 200)))
    return here


def by(user: str, line: str) -> str:
    record = json.loads(line)
    record["Event"]["EventData"]["User"] = user
    return json.dumps(record) + "\n"


def test_two_names_of_a_user_are_one_where_the_site_says_so(accounts: Path, chainrun: Command) -> None:
    assert chainrun("u.chain", "u.jsonl")[:2] == (Exit.OK, "")
    (accounts / "chainrun.toml").write_text(ONE_USER)
    code, out, _ = chainrun("u.chain", "u.jsonl")
    assert (code, [a["scope"] for a in alerts(out)]) == (Exit.OK, [{"user.name": "a@corp"}])
    (accounts / "chainrun.toml").write_text(ONE_USER.replace("CORP", "OTHER"))
    assert chainrun("u.chain", "u.jsonl")[1] == ""


def test_a_user_is_the_same_in_any_case_and_of_no_other_domain(accounts: Path, chainrun: Command) -> None:
    for other, found in (("corp\\A", 1), ("OTHER\\a", 0), ("a", 0)):
        lines = by("CORP\\a", start(0, 100, "cmd.exe")) + by(other, connection(9, 200))
        (accounts / "u.jsonl").write_text(lines)
        assert [a["scope"] for a in alerts(chainrun("u.chain", "u.jsonl")[1])] == [{"user.name": "corp\\a"}] * found


def test_a_record_that_names_no_user_is_in_no_users_scope(accounts: Path, chainrun: Command) -> None:
    (accounts / "u.jsonl").write_text(by("CORP\\a", start(0, 100, "cmd.exe")) + connection(9, 100))
    assert chainrun("u.chain", "u.jsonl")[1] == ""


def test_once_per_user_goes_by_the_account(accounts: Path, chainrun: Command) -> None:
    (accounts / "u.chain").write_text("egress once per user in 1h\n")
    lines = [by(user, connection(n, 100 + n)) for n, user in enumerate(("CORP\\a", "a@corp", "CORP\\b"))]
    (accounts / "u.jsonl").write_text("".join(lines))
    assert len(alerts(chainrun("u.chain", "u.jsonl")[1])) == 3
    (accounts / "chainrun.toml").write_text(ONE_USER)
    assert len(alerts(chainrun("u.chain", "u.jsonl")[1])) == 2


def test_tests_know_the_sites_accounts(accounts: Path, chainrun: Command) -> None:
    test = "0s spawn cmd.exe pid=1 ppid=2 user=a user.domain=CORP\n9s egress x.example pid=3 user=a@corp"
    text = (accounts / "u.chain").read_text()
    (accounts / "u.chain").write_text(f'{text}test "one user" raises 1 {{\n{test}\n}}\n')
    assert chainrun("test", "u.chain")[0] == Exit.FOUND
    (accounts / "site.toml").write_text(ONE_USER)
    assert chainrun("test", "u.chain", "--site", "site.toml")[0] == Exit.OK


def test_a_baseline_is_learnt_with_the_sites_parameters(past: Path, chainrun: Command) -> None:
    (past / "n.chain").write_text("W = 40s\nspawn where new(process.name among spawn in W)\n")
    (past / "site.toml").write_text("[n]\nW = 5\n")
    assert chainrun("baseline", "n.chain", "before.jsonl", "--site", "site.toml")[0] == Exit.WRONG_CHAIN


# -- files that are read are not written ----------------------------------------


def test_a_file_of_words_is_not_overwritten(here: Path, chainrun: Command) -> None:
    (here / "etc").mkdir()
    (here / "etc" / "words.txt").write_text("calc.exe\n")
    (here / "etc" / "site.toml").write_text('[t]\n"Shells+" = ["@words.txt"]\n')
    for words in (["t.chain"], ["run", "t.chain"]):
        code, out, err = chainrun(*words, "hit.jsonl", "--site", "etc/site.toml", "-o", "etc/words.txt")
        assert (code, out) == (Exit.USAGE, "")
        assert "`etc/words.txt` is read by this run" in err
    assert (here / "etc" / "words.txt").read_text() == "calc.exe\n"


@pytest.mark.parametrize("name", ["b.json", "i.csv", "site.toml"])
def test_what_options_name_is_not_overwritten(past: Path, chainrun: Command, name: str) -> None:
    (past / "i.csv").write_text("address,host\n10.0.0.5,a\n")
    (past / "site.toml").write_text("")
    chainrun("baseline", "-q", "n.chain", "before.jsonl", "-o", "b.json")
    before = (past / name).read_bytes()
    options = ["--baseline", "b.json", "--inventory", "i.csv", "--site", "site.toml"]
    code, _, err = chainrun("n.chain", "now.jsonl", *options, "-o", name)
    assert (code, (past / name).read_bytes()) == (Exit.USAGE, before)
    assert f"`{name}` is read by this run" in err


def test_results_overwrite_no_chain(here: Path, chainrun: Command) -> None:
    code, _, err = chainrun("test", "t.chain", "--junit", "t.chain")
    assert (code, (here / "t.chain").read_text()) == (Exit.USAGE, CHAIN)
    assert "`t.chain` is read by this run" in err


# -- what was never set ----------------------------------------


def test_a_run_on_guesses_is_refused_where_it_is_to_be(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("t.chain", "hit.jsonl", "--require-tuned")
    assert (code, out) == (Exit.WRONG_CHAIN, "")
    assert "2 parameters of `t` were never set for this site" in err
    (here / "chainrun.toml").write_text('[t]\nTimeWindow = "10m"\n"Shells+" = ["pwsh.exe"]\n')
    code, out, _ = chainrun("t.chain", "hit.jsonl", "--require-tuned")
    assert (code, len(alerts(out))) == (Exit.OK, 1)


def test_records_of_another_shape_are_told_apart(here: Path, chainrun: Command) -> None:
    """The same options for a stream of several formats."""
    (here / "mixed.jsonl").write_text(flow(0, "10.0.0.5", "203.0.113.1") + EVENTS + sysmon(5, 11, ProcessId=100))
    code, out, err = chainrun("t.chain", "mixed.jsonl", "--updates", "--show-suppressed", "--allow-unproven")
    assert (code, len(alerts(out))) == (Exit.OK, 1)
    assert "formats  evtx 3, zeek-json 1" in err


def test_a_site_file_that_is_wrong_is_one_fault(here: Path, chainrun: Command) -> None:
    """Nothing of it was set, and that is no fault of the parameters."""
    (here / "chainrun.toml").write_text('[t]\nTimeWindow = "10m"\n[[t.except]]\nreason = "x"\n')
    code, out, err = chainrun("t.chain", "hit.jsonl", "--require-tuned")
    assert (code, out, err.count("error[")) == (Exit.WRONG_CHAIN, "", 1)
    assert "error[C508]" in err
