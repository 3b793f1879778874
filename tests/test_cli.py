"""The command line: what users type, what they see, and the exit codes that scripts rely on."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from chainrun.dsl.codes import CODES
from chainrun.engine import cli
from chainrun.engine.cli.exits import Exit
from chainrun.engine.cli.group import VERBS

from .command import CHAIN, COMMAND, EVENTS, MAIN, QUIET, Command, connection, process, start


@pytest.fixture
def here(here: Path) -> Path:
    """With events besides in which the chain is not found."""
    (here / "quiet.jsonl").write_text(QUIET)
    return here


# -- the command without a verb ----------------------------------------


def test_a_chain_and_events_are_all_that_is_needed(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("t.chain", "hit.jsonl")
    assert code == Exit.OK
    alerts = [json.loads(line) for line in out.splitlines()]
    assert [a["analytic"] for a in alerts] == ["t"]
    assert alerts[0]["steps"][1]["witness"]["line"] == 2
    assert "t/main  1 alert\n" in err
    assert "1 spawn(Shells)  1 matched, 1 in place" in err


@pytest.mark.parametrize(
    "words",
    [
        ["run", "t.chain", "hit.jsonl"],
        ["hit.jsonl", "t.chain"],
        ["--quiet", "t.chain", "hit.jsonl"],
        ["./t.chain", "hit.*"],
        ["chains", "hit.jsonl"],
        ["*.chain", "hit.jsonl"],
        ["--set", "TimeWindow=5m", "t.chain", "hit.jsonl"],
    ],
)
def test_the_verb_may_be_left_out_however_the_line_begins(here: Path, chainrun: Command, words: list[str]) -> None:
    (here / "chains").mkdir()
    (here / "chains" / "x.chain").write_text(CHAIN)
    code, out, _ = chainrun(*words)
    assert (code, out.count("\n")) == (Exit.OK, 1)


def test_a_verb_wins_over_a_path_of_its_name(here: Path, chainrun: Command) -> None:
    (here / "check").write_text("")
    code, _, err = chainrun("check", "t.chain")
    assert code == Exit.OK
    assert "1 file checked" in err


def test_a_folder_with_chains_is_a_chain_and_one_with_telemetry_is_not(here: Path, chainrun: Command) -> None:
    (here / "chains").mkdir()
    (here / "chains" / "x.chain").write_text(CHAIN)
    (here / "logs" / "deep").mkdir(parents=True)
    (here / "logs" / "a.jsonl").write_text(EVENTS)
    (here / "logs" / "deep" / "z.chain").write_text("whoever can write here has no say in what runs")
    code, out, _ = chainrun("chains", "logs")
    assert (code, json.loads(out)["analytic"]) == (Exit.OK, "x")


def test_a_folder_that_is_both_chains_and_events_is_refused(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun(".", "hit.jsonl")
    assert (code, out) == (Exit.USAGE, "")
    assert "the folder `.` holds both chains (`t.chain`) and events (`hit.jsonl`)" in err


def test_a_mistyped_verb_is_not_taken_for_a_file(here: Path, chainrun: Command) -> None:
    assert chainrun("chek", "t.chain") == (
        Exit.USAGE,
        "",
        "error: no verb and no file is called `chek`\n  = help: did you mean `chainrun check`?\n",
    )


@pytest.mark.parametrize("words", [["--help"], ["-h"], [], ["run", "--help"], ["t.chain", "--help"]])
def test_help_is_data_and_goes_to_standard_output(here: Path, chainrun: Command, words: list[str]) -> None:
    code, out, err = chainrun(*words)
    assert code == Exit.OK
    assert out.startswith("Usage: chainrun")
    assert err == ""


def test_the_list_of_verbs_is_complete(chainrun: Command) -> None:
    _, out, _ = chainrun("--help")
    files = {p.stem for p in (MAIN.parent.parent / "cli").glob("*.py")}
    assert set(VERBS) <= files
    for verb in VERBS:
        assert f"  {verb} " in out
        assert chainrun(verb, "--help")[0] == Exit.OK


def test_the_version(chainrun: Command) -> None:
    code, out, _ = chainrun("--version")
    assert code == Exit.OK
    assert out.startswith("chainrun ")


def test_asking_for_the_version_loads_nothing_heavy() -> None:
    watch = "import sys; from chainrun.engine.cli import main; main(['--version']); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in out.split()}
    assert not loaded & {"lark", "msgspec", "networkx", "rich", "re2"}


# -- exit codes ----------------------------------------


def test_no_alert_is_no_failure(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("t.chain", "quiet.jsonl")
    assert (code, out) == (Exit.OK, "")
    assert "t/main  0 alerts" in err


@pytest.mark.parametrize(("events", "code"), [("hit.jsonl", Exit.FOUND), ("quiet.jsonl", Exit.OK)])
def test_fail_on_alert(here: Path, chainrun: Command, events: str, code: Exit) -> None:
    assert chainrun("--fail-on-alert", "t.chain", events)[0] == code


@pytest.mark.parametrize(
    ("text", "code"), [("open -> write where", "C1"), ("opn -> write within 5m", "C2"), ("open -> write\n", "C3")]
)
def test_a_wrong_chain_is_shown_and_not_run(here: Path, chainrun: Command, text: str, code: str) -> None:
    (here / "bad.chain").write_text(text)
    exit_code, out, err = chainrun("bad.chain", "hit.jsonl")
    assert (exit_code, out) == (Exit.WRONG_CHAIN, "")
    assert f"error[{code}" in err
    assert "--> bad.chain:1:" in err
    assert chainrun("check", "bad.chain")[0] == Exit.FOUND


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("TimeWindow=10", "duration"),
        ("TimeWindw=10m", "did you mean `TimeWindow`?"),
        ("nonsense", "Name=value"),
        ("Shells+={", ""),
    ],
)
def test_a_wrong_setting_is_a_wrong_parameter(here: Path, chainrun: Command, setting: str, said: str) -> None:
    code, out, err = chainrun("t.chain", "hit.jsonl", "--set", setting)
    assert (code, out) == (Exit.WRONG_CHAIN, "")
    assert said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["t.chain", "hit.jsonl", "--formt", "text"], "--formt"),
        (["t.chain", "hit.jsonl", "--format", "xml"], "xml"),
        (["t.chain", "hit.jsonl", "--evidence", "0"], "--evidence"),
        (["t.chain", "hit.jsonl", "--evidence", "many"], "many"),
        (["t.chain", "hit.jsonl", "--lateness", "5"], "write it with its unit"),
        (["t.chain", "hit.jsonl", "--telemetry", "evtxx"], "did you mean `evtx`?"),
        (["t.chain", "hit.jsonl", "--telemetry-file", "no.toml"], "no.toml"),
        (["t.chain", "hit.jsonl", "--site", "no.toml"], "no.toml"),
        (["t.chain", "hit.jsonl", "-o", "no/such/folder"], "cannot be written"),
        (["t.chain", "hit.jsonl", "-o", "hit.jsonl"], "is read by this run"),
        (["t.chain", "hit.jsonl", "-o"], "-o"),
        # an option that would do nothing without another
        (["t.chain", "hit.jsonl", "--checkpoint-every", "5s"], "--checkpoint-every is for --state"),
        (["t.chain", "hit.jsonl", "--append"], "--append adds to the file of --output, and none is named"),
        (["t.chain", "-", "--follow"], "--follow is for files"),
        (["hit.jsonl"], "no chain is named"),
        (["check"], "missing argument"),
        (["check", "--format", "xml", "t.chain"], "xml"),
        (["kinds", "opn"], "did you mean `open`?"),
        (["formats", "evxt"], "did you mean `evtx`?"),
        (["help", "C9999"], "C9999"),
        (["fmt"], "missing argument"),
        (["nothing"], "no verb and no file"),
    ],
)
def test_wrong_flags_are_one_sentence(here: Path, chainrun: Command, words: list[str], said: str) -> None:
    code, out, err = chainrun(*words)
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("error: ")
    assert said in err
    assert len(err.splitlines()) <= 2
    assert (here / "hit.jsonl").read_text() == EVENTS


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.jsonl", None, "does not exist"),
        ("no-*.jsonl", None, "matches no file"),
        ("cut.jsonl.gz", b"\x1f\x8b\x08\x00\x00", "gzip"),
        ("log.evtx", b"ElfFile\x00" + bytes(100), "convert it first"),
    ],
)
def test_an_unreadable_input_is_told_and_the_others_are_run(
    here: Path, chainrun: Command, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (here / name).write_bytes(content)
    code, out, err = chainrun("t.chain", name, "hit.jsonl")
    assert code == Exit.UNREADABLE
    assert out.count("\n") == 1
    assert said in err
    assert said in chainrun("-q", "t.chain", name, "hit.jsonl")[2]


def test_bad_lines_are_counted_with_the_first_place(here: Path, chainrun: Command) -> None:
    (here / "bad.jsonl").write_bytes(b"{oops\n\xff\xfe\n[]\n" + EVENTS.encode() + b"\x00\n")
    code, out, err = chainrun("t.chain", "bad.jsonl")
    assert (code, out.count("\n")) == (Exit.OK, 1)
    assert "bad.jsonl:1" in err


# -- what is no chain ----------------------------------------


@pytest.mark.parametrize("verb", ["run", "check", "explain", "params", "fmt"])
@pytest.mark.parametrize("what", ["absent", "binary", "utf-16", "empty", "folder", "unreadable"])
def test_what_is_no_chain_gets_a_diagnostic(here: Path, chainrun: Command, verb: str, what: str) -> None:
    path = here / "x.chain"
    match what:
        case "binary":
            path.write_bytes(bytes(range(256)) * 40)
        case "utf-16":
            path.write_bytes("open".encode("utf-16"))
        case "empty":
            path.write_bytes(b"")
        case "folder":
            path.mkdir()
        case "unreadable":
            path.symlink_to(path)
    words = [verb, "x.chain", *(["hit.jsonl"] if verb == "run" else [])]
    code, out, err = chainrun(*words)
    if verb == "fmt" and what == "empty":  # nothing is in its canonical form
        assert code == Exit.OK
        return
    assert code == (Exit.FOUND if verb in ("check", "fmt") else Exit.WRONG_CHAIN)
    assert "error[C" in out + err
    assert (out == "") == (verb != "check")


def test_two_files_for_one_analytic_are_refused(here: Path, chainrun: Command) -> None:
    """Alerts could not be told apart."""
    (here / "b").mkdir()
    (here / "b" / "t.chain").write_text(CHAIN)
    code, _, err = chainrun("t.chain", "b/t.chain", "hit.jsonl")
    assert code == Exit.WRONG_CHAIN
    assert "is the analytic of `t.chain` too" in err


# -- streams, signals, terminals ----------------------------------------


def test_standard_input_is_read_where_no_events_are_named(here: Path) -> None:
    for words in (["t.chain"], ["t.chain", "-"]):
        done = process(words, EVENTS.encode(), cwd=here)
        assert done.returncode == Exit.OK
        assert json.loads(done.stdout)["steps"][0]["witness"]["input"] == "-"


def test_an_alert_leaves_the_pipe_at_once(here: Path) -> None:
    """Whoever follows a live stream has the alert when its last event has come, not when the stream ends."""
    child = subprocess.Popen(
        [*COMMAND, "t.chain"], cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(EVENTS.encode())
    child.stdin.flush()
    assert select.select([child.stdout], [], [], 30)[0]
    assert json.loads(child.stdout.readline())["analytic"] == "t"
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=30)
    assert child.returncode == Exit.OK
    assert b"t/main  1 alert" in err


def test_an_interrupt_finishes_what_was_read(here: Path) -> None:
    child = subprocess.Popen(
        [*COMMAND, "t.chain"], cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(EVENTS.encode())
    child.stdin.flush()
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == Exit.INTERRUPTED
    assert b"t/main  1 alert" in err
    assert b"Traceback" not in err


@pytest.mark.parametrize("form", ["jsonl", "text"])
def test_a_closed_standard_output_ends_quietly(here: Path, form: str) -> None:
    (here / "many.jsonl").write_text(
        "".join(start(n, 100 + n, "powershell.exe") + connection(n, 100 + n) for n in range(2000))
    )
    child = subprocess.Popen(
        [*COMMAND, "t.chain", "many.jsonl", "--format", form], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    err = child.stderr.read()
    assert child.wait(timeout=60) == Exit.OK
    assert err == b""


def terminal(words: Sequence[str], cwd: Path, **environment: str) -> tuple[int, str]:
    """Runs a command whose three streams are one terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment}
    child = subprocess.Popen([*COMMAND, *words], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side has gone
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return child.wait(timeout=60), shown.decode()


def test_people_at_a_terminal_get_text_in_colour(here: Path) -> None:
    code, shown = terminal(["t.chain", "hit.jsonl"], here)
    assert code == Exit.OK
    assert "powershell.exe (100) connected to 203.0.113.9:443" in shown
    assert "\x1b[1;33mMEDIUM\x1b[0m" in shown


def test_no_color_is_heeded(here: Path) -> None:
    _, shown = terminal(["-q", "t.chain", "hit.jsonl"], here, NO_COLOR="1")
    assert "MEDIUM" in shown
    assert "\x1b[" not in shown


def test_nobody_is_left_waiting_at_a_terminal(here: Path) -> None:
    code, shown = terminal(["t.chain"], here)
    assert code == Exit.USAGE
    assert "standard input is a terminal" in shown
    assert "`chainrun t.chain events.jsonl`" in shown


def test_a_full_disk_is_told_in_a_sentence(here: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    done = process(["t.chain", "hit.jsonl", "-q", "-o", str(full)], cwd=here)
    assert done.returncode == Exit.UNREADABLE
    assert b"no space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_unexpected_fault_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(words: list[str]) -> int:
        raise RuntimeError("table\x1b is odd")

    monkeypatch.setattr(cli, "run_app", fail)
    code = cli.main(["x"])
    out, err = capsys.readouterr()
    assert (code, out) == (Exit.INTERNAL, "")
    assert err.startswith("error: RuntimeError: table\\x1b is odd\n  = help: ")
    monkeypatch.setenv("CHAINRUN_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli.main(["x"])


def test_what_standard_error_cannot_take_is_lost_and_nothing_else(here: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    child = subprocess.Popen([*COMMAND, "t.chain", "hit.jsonl"], cwd=here, stdout=subprocess.PIPE, stderr=writing)
    os.close(writing)
    out, _ = child.communicate(timeout=60)
    assert (child.returncode, out.count(b"\n")) == (Exit.OK, 1)
    child = subprocess.Popen([*COMMAND, "t.chain", "gone.jsonl"], cwd=here, stderr=subprocess.DEVNULL)
    assert child.wait(timeout=60) == Exit.UNREADABLE


@pytest.mark.parametrize(("closed", "alerts"), [("2>&-", 1), (">&-", 0), (">&- 2>&-", 0), ("<&-", 1)])
def test_streams_may_be_closed(here: Path, closed: str, alerts: int) -> None:
    words = " ".join(COMMAND)
    done = subprocess.run(
        ["sh", "-c", f"{words} t.chain hit.jsonl {closed}"], cwd=here, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.count(b"\n")) == (Exit.OK, alerts)


def test_standard_input_that_is_closed_is_not_an_empty_one(here: Path) -> None:
    words = " ".join(COMMAND)
    done = subprocess.run(["sh", "-c", f"{words} t.chain <&-"], cwd=here, capture_output=True, timeout=60, check=False)
    assert done.returncode == Exit.UNREADABLE
    assert b"- cannot be read: bad file descriptor" in done.stderr


def test_a_locale_that_lacks_characters_ends_no_run(here: Path) -> None:
    (here / "hit.jsonl").write_text(EVENTS.replace("powershell.exe -x", "\u4e2d\xe9"), encoding="utf-8")
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = process(["t.chain", "hit.jsonl", "--format", "text"], cwd=here, env=env)
    assert done.returncode == Exit.OK
    assert b"\\u4e2d\\xe9" in done.stdout
    done = process(["normalise", "hit.jsonl"], cwd=here, env=env)
    assert json.loads(done.stdout.splitlines()[0])["fields"]["process.command_line"] == "\u4e2d\xe9"


@pytest.mark.parametrize("words", [["t.chain", "-"], ["normalise", "-"], ["t.chain", "fifo"], ["normalise", "fifo"]])
def test_a_terminated_run_ends_in_order_whatever_it_waits_for(here: Path, words: list[str]) -> None:
    os.mkfifo(here / "fifo")
    child = subprocess.Popen([*COMMAND, *words], cwd=here, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None and child.stderr is not None
    child.stdin.write(b"\x1f\x8b")
    child.stdin.flush()
    time.sleep(10)  # nothing tells that it has begun to wait
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=30) == Exit.OK  # with its standard input still open
    assert b"0 lines of 1 input" in child.stderr.read()
    child.stdin.close()
    child.stderr.close()


# -- options of run ----------------------------------------


def test_alerts_can_go_to_a_file(here: Path, chainrun: Command) -> None:
    code, out, _ = chainrun("t.chain", "hit.jsonl", "-o", "alerts.jsonl")
    assert (code, out) == (Exit.OK, "")
    assert json.loads((here / "alerts.jsonl").read_text())["analytic"] == "t"
    chainrun("t.chain", "hit.jsonl", "-o", "alerts.txt", "--format", "text")
    assert (here / "alerts.txt").read_text().startswith("MEDIUM  t\n")


@pytest.mark.parametrize(
    "words",
    [
        ["-o", "t.chain", "t.chain", "hit.jsonl"],
        ["-o", "logs/a.jsonl", "t.chain", "logs"],
        ["-o", "other.jsonl", "t.chain", "hit.jsonl"],
        ["-o", "chains/x.chain", "chains", "hit.jsonl"],
        ["-o", "chainrun.toml", "t.chain", "hit.jsonl"],
        ["-o", "hit.jsonl", "t.chain"],
    ],
)
def test_alerts_overwrite_nothing_that_the_run_reads(here: Path, words: list[str]) -> None:
    for folder, name, text in (("logs", "a.jsonl", EVENTS), ("chains", "x.chain", CHAIN)):
        (here / folder).mkdir()
        (here / folder / name).write_text(text)
    (here / "other.jsonl").hardlink_to(here / "hit.jsonl")
    (here / "chainrun.toml").write_text("")
    before = (here / words[1]).read_bytes()
    with (here / "hit.jsonl").open("rb") as stdin:
        done = subprocess.run([*COMMAND, *words], cwd=here, stdin=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == Exit.USAGE
    assert f"`{words[1]}` is read by this run" in done.stderr.decode()
    assert (here / words[1]).read_bytes() == before


def test_a_host_that_is_no_utf8_is_refused(here: Path, chainrun: Command) -> None:
    for words in (["t.chain"], ["normalise"]):
        code, out, err = chainrun(*words, "hit.jsonl", "--host", "h\udcff")
        assert (code, out) == (Exit.USAGE, "")
        assert r"the host `h\xff` is not UTF-8" in err


def test_the_same_run_gives_the_same_bytes(here: Path, chainrun: Command) -> None:
    assert chainrun("t.chain", "hit.jsonl") == chainrun("t.chain", "hit.jsonl")


def test_quiet_leaves_only_the_alerts(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("-q", "t.chain", "hit.jsonl")
    assert (code, out.count("\n"), err) == (Exit.OK, 1, "")


def test_raw_records_can_be_left_out(here: Path, chainrun: Command) -> None:
    assert '"raw":{"Event"' in chainrun("t.chain", "hit.jsonl")[1]
    assert '"raw"' not in chainrun("--no-raw", "t.chain", "hit.jsonl")[1]


@pytest.mark.parametrize(("before", "odd"), [("", '"\\ud800"'), ("", "1e999"), ("\ufeff", "1")])
def test_a_record_that_is_no_strict_json_is_quoted(here: Path, chainrun: Command, before: str, odd: str) -> None:
    lines = [f'{before}{line[:-1]},"odd":{odd}}}' for line in EVENTS.splitlines()]
    (here / "odd.jsonl").write_text("\n" + "\n".join(lines), encoding="utf-8")
    _, out, _ = chainrun("t.chain", "odd.jsonl")
    found = [step["witness"]["raw"] for step in json.loads(out)["steps"]]
    assert found and all(raw in lines for raw in found)


def test_evidence_is_bounded_as_asked(here: Path, chainrun: Command) -> None:
    (here / "many.jsonl").write_text("".join(start(n, 100, "cmd.exe") for n in range(3)) + connection(9, 100))
    _, out, _ = chainrun("t.chain", "many.jsonl", "--evidence", "1")
    assert all(len(s["evidence"]) <= 3 for s in json.loads(out)["steps"])


def test_an_exception_that_suppressed_is_shown(here: Path, chainrun: Command) -> None:
    (here / "wsus.jsonl").write_text(start(0, 100, "cmd.exe") + connection(9, 100, port=8530))
    code, out, err = chainrun("t.chain", "wsus.jsonl")
    assert (code, out) == (Exit.OK, "")
    assert "t/main  0 alerts, 1 excepted as “updates”" in err


def test_settings_and_site_files_change_what_runs(here: Path, chainrun: Command) -> None:
    assert chainrun("t.chain", "hit.jsonl", "--set", "TimeWindow=5s")[1] == ""
    (here / "my.toml").write_text('[all]\nTimeWindow = "5s"\n')
    assert chainrun("t.chain", "hit.jsonl", "--site", "my.toml")[1] == ""
    (here / "my.toml").rename(here / "chainrun.toml")
    assert chainrun("t.chain", "hit.jsonl")[1] == ""
    _, out, _ = chainrun("t.chain", "hit.jsonl", "--set", "TimeWindow=10s")
    assert json.loads(out)["parameters"]["changed"] == {"TimeWindow": "10s"}


def test_only_the_telemetry_asked_for_is_read(here: Path, chainrun: Command) -> None:
    assert chainrun("t.chain", "hit.jsonl", "--telemetry", "evtx")[1] != ""
    code, out, err = chainrun("t.chain", "hit.jsonl", "--telemetry", "zeek-json")
    assert (code, out) == (Exit.OK, "")
    assert "unknown format" in err


# -- the other verbs ----------------------------------------


def test_check_as_json_is_one_object_a_diagnostic(here: Path, chainrun: Command) -> None:
    (here / "bad.chain").write_text("opn -> wrte within 5m\n")
    code, out, err = chainrun("check", "--format", "json", "bad.chain", "t.chain")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (Exit.FOUND, "")
    assert {r["file"] for r in rows if r["severity"] == "error"} == {"bad.chain"}
    assert {(r["line"], r["column"]) for r in rows if r["severity"] == "error"} == {(1, 1), (1, 8)}


def test_check_as_json_tells_of_every_name(here: Path, chainrun: Command) -> None:
    for name, shown in (("b\udcff.chain", r"b\xff.chain"), ("b\x1b\u202e.chain", "b\x1b\u202e.chain")):
        (here / name).write_text("opn -> wrte within 5m\n")
        _, out, _ = chainrun("check", "--format", "json", name)
        assert {json.loads(line)["file"] for line in out.splitlines()} == {shown}
        assert all(line.isprintable() for line in out.split("\n"))


def test_what_chains_and_formats_say_cannot_steer_a_terminal(here: Path, chainrun: Command) -> None:
    evil = "\x1b]0;x\x07\u202e\u061c"
    name = f"c{evil}.chain"
    title = r'"t\u{1B}[2J\u{61C}"'
    (here / name).write_text(
        f'analytic title={title}\nparam W : duration = 10m "d\\u{{1B}}[2J"\n{CHAIN}'.replace("W :", "W:")
    )
    for words in (["explain", name], ["params", name], ["params", name, "t.chain"], ["run", name], ["check", name]):
        _, out, err = chainrun(*words)
        assert all(line.isprintable() for line in (out + err).split("\n"))


def test_a_format_file_cannot_steer_a_terminal(here: Path, chainrun: Command) -> None:
    shipped = (MAIN.parent.parent / "formats" / "zeek-json.toml").read_text()
    lines = (r'title = "t\u001B[2J"' if line.startswith("title") else line for line in shipped.splitlines())
    text = "\n".join(r'name = "mine"' if line.startswith("name") else line for line in lines)
    (here / "mine.toml").write_text(text)
    for words in ([], ["mine"]):
        code, out, _ = chainrun("formats", *words, "--telemetry-file", "mine.toml")
        assert code == Exit.OK
        assert r"t\x1b[2J" in out
        assert all(line.isprintable() for line in out.split("\n"))


def test_check_looks_at_folders_and_counts(here: Path, chainrun: Command) -> None:
    code, _, err = chainrun("check", ".")
    assert code == Exit.OK
    assert err.endswith("1 file checked: no errors, no warnings\n")


def test_fmt_rewrites_in_place_and_settles(here: Path, chainrun: Command) -> None:
    ugly = here / "ugly.chain"
    ugly.write_text("# why\nX=5m\nopen->write within X\n")
    ugly.chmod(0o640)
    assert chainrun("fmt", "--check", "ugly.chain") == (Exit.FOUND, "ugly.chain\n", "")
    code, out, _ = chainrun("fmt", "--diff", "ugly.chain")
    assert code == Exit.FOUND
    assert "-open->write within X\n" in out
    assert ugly.read_text().startswith("# why\nX=5m")
    assert chainrun("fmt", "ugly.chain")[0] == Exit.OK
    assert ugly.read_text().startswith("# why\nX = 5m")
    assert ugly.stat().st_mode & 0o777 == 0o640
    assert chainrun("fmt", "--check", "ugly.chain") == (Exit.OK, "", "")
    assert sorted(p.name for p in here.iterdir()) == ["hit.jsonl", "quiet.jsonl", "t.chain", "ugly.chain"]


def test_fmt_is_a_filter_too(here: Path) -> None:
    done = process(["fmt", "-"], b"open->write within 5m\n", cwd=here)
    assert (done.returncode, done.stderr) == (Exit.OK, b"")
    assert done.stdout == b"open -> write\n  within 5m\n" or done.stdout == b"open -> write within 5m\n"
    done = process(["fmt", "-"], b"open -> \n\xff", cwd=here)
    assert done.returncode == Exit.FOUND
    assert done.stdout == b""


def test_fmt_leaves_a_wrong_file_alone(here: Path, chainrun: Command) -> None:
    (here / "bad.chain").write_text("open -> -> write\n")
    code, out, err = chainrun("fmt", "bad.chain", "t.chain")
    assert (code, out) == (Exit.FOUND, "")
    assert "bad.chain:1" in err
    assert (here / "bad.chain").read_text() == "open -> -> write\n"


def test_normalise_prints_what_the_matcher_sees(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("normalise", "hit.jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == Exit.OK
    assert [r["line"] for r in rows] == [1, 2]
    assert "spawn" in rows[0]["kinds"] and "egress" in rows[1]["kinds"]
    assert rows[0]["host"] == "win-1"
    assert rows[0]["time"] == "2026-03-01T10:00:00.000000Z"
    assert rows[0]["fields"]["process.name"] == "powershell.exe"
    assert "read     2 lines" in err
    assert chainrun("normalise", "absent.jsonl")[0] == Exit.UNREADABLE


def test_every_kind_and_format_and_code_has_a_page(chainrun: Command) -> None:
    _, out, _ = chainrun("kinds")
    for line in out.splitlines():
        code, page, _ = chainrun("kinds", line.split()[0])
        assert (code, "  takes " in page) == (Exit.OK, True)
    _, out, _ = chainrun("formats")
    for line in out.splitlines():
        code, page, _ = chainrun("formats", line.split()[0])
        assert (code, "  cannot see" in page) == (Exit.OK, True)
    for name, page_ in CODES.items():
        code, page, _ = chainrun("help", name.lower())
        assert (code, page.startswith(f"{name}: {page_.title}")) == (Exit.OK, True)


def test_params_says_where_values_come_from(here: Path, chainrun: Command) -> None:
    code, out, _ = chainrun("params", "t.chain", "--set", "TimeWindow=5m")
    assert code == Exit.OK
    assert "  TimeWindow  duration     5m  from --set; by default 10m\n" in out
    assert "  Shells      program      { powershell.exe, cmd.exe }\n" in out


def test_explain_draws_a_graph(here: Path, chainrun: Command) -> None:
    code, out, _ = chainrun("explain", "--dot", "t.chain")
    assert code == Exit.OK
    assert out.startswith('digraph "t/main" {')
    assert "spawn" in chainrun("explain", "t.chain")[1]
