"""`chainrun why`: what it says of the stories in the analytics' own tests, and what the command makes of its options."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl import model, tree
from chainrun.dsl.check import check
from chainrun.dsl.loader import load
from chainrun.dsl.model import Analytic, Chain
from chainrun.dsl.overrides import command_line
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.cli.exits import Exit
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.study.again import fresh
from chainrun.engine.study.trial import raised, tell
from chainrun.engine.study.why import Why, written
from chainrun.engine.study.why_report import Look, Miss, Stop
from chainrun.engine.study.why_text import to_text
from chainrun.engine.study.why_weaker import Asked
from msgspec.structs import replace

from .command import EVENTS, Command

ANALYTICS = sorted((Path(__file__).parent.parent / "analytics").glob("*.chain"))


def misses(analytic: Analytic, chain: Chain, events: list[Event], file: Any = None) -> tuple[Miss, ...]:
    one = replace(analytic, chains=(chain,))
    why = Why([one], Look(most=1_000), {one.id: file} if file is not None else written([one]))
    follow = why.follow(Engine(why.analytics))
    follow.run(fresh(events))
    report = why.report(follow)
    assert to_text(report)
    return report.chains[0].misses


def silent(path: Path) -> Iterator[tuple[Analytic, Chain, model.Test]]:
    """The tests of a file that raise nothing in one chain."""
    analytic = load(path)
    for test in analytic.tests:
        if test.chain is not None and not test.raises and not test.files:
            yield analytic, next(c for c in analytic.chains if c.name == test.chain), test


def settings(found: tuple[Miss, ...]) -> Iterator[Stop]:
    """The single stops of single missing steps whose change is a setting."""
    for miss in found:
        if len(miss.missing) == 1:
            for stop in miss.missing[0].stops:
                if stop.change is not None and stop.change.setting is not None:
                    yield stop


@pytest.mark.parametrize("path", ANALYTICS, ids=lambda path: path.stem)
def test_the_analytics_own_stories(path: Path) -> None:
    """Where a test says at which step its story stood still, a near miss lacks that step. With a setting that is
    proposed the story matches; of a limit a millisecond less is not enough."""
    for analytic, chain, test in silent(path):
        found = misses(analytic, chain, tell(analytic, test).events)
        missing = {m.step: m for miss in found for m in miss.missing}
        for expected in test.expectations:
            if expected.what == "stuck" and found:
                numbers = {number for name, number in expected.steps if name == chain.name}
                # of what came in the wrong order either is the one that lacks the other
                elsewhere = any(m.alone for m in missing.values())
                assert numbers & missing.keys() or elsewhere, f"{test.title}: {numbers} and {list(missing)}"
        for stop in settings(found):
            assert stop.change is not None and stop.change.setting is not None
            assert matches(path, test, stop.change.setting), f"{test.title}: {stop.change.setting}"
            if stop.asked in (Asked.WINDOW, Asked.LATEST):
                name, _, _ = stop.change.setting.partition("=")
                assert stop.took is not None
                assert not matches(path, test, f"{name}={-(-stop.took // 1000) - 1}ms"), test.title
            for fewer in without_a_word(stop.change.setting):
                assert not matches(path, test, fewer), f"{test.title}: {stop.change.setting}, where {fewer} would do"
        for miss in found:
            changes = [stop.change for m in miss.missing for stop in m.stops]
            both = [change.setting for change in changes if change is not None and change.setting is not None]
            if miss.together and len(both) == len(changes) == 2:
                assert matches(path, test, *both), f"{test.title}: {both}"


def without_a_word(setting: str) -> Iterator[str]:
    """A change of a list without each of its words; of one word, no change is left, and its story is silent."""
    (change,) = command_line([setting]).settings
    if isinstance(change.value, tree.WordSet):
        head, words = setting.split("={")[0], list(map(str.strip, setting.split("={")[1].rstrip(" }").split(",")))
        assert len(words) == len(change.value.items)
        for i in range(len(words) if len(words) > 1 else 0):
            yield f"{head}={{ {', '.join(words[:i] + words[i + 1 :])} }}"


def matches(path: Path, test: model.Test, *settings: str) -> bool:
    """Whether the story raises an alert of its chain with these settings."""
    return any(alert.chain == test.chain for alert in raised(changed(path, settings), test))


@cache
def changed(path: Path, settings: tuple[str, ...]) -> Analytic:
    return load(path, command_line(settings))


# -- one cause each ----------------------------------------

HEAD = 'analytic T "t" {\n  platform: windows\n}\n'


def stop_at(step: int, chain: str, *lines: str) -> Stop:
    """What stopped the nearest miss of a chain that lacks nothing but a step, in a story of test lines."""
    text = f'{HEAD}{chain}\ntest "story" raises 0 {{\n' + "".join(f"  {line}\n" for line in lines) + "}\n"
    source = Source("t.chain", text)
    file = parse(source)
    analytic, _ = check(file, source)
    (chain_,) = analytic.chains
    story = tell(analytic, analytic.tests[0])
    assert not story.faults
    found = misses(analytic, chain_, story.events, file)
    return next(miss.missing[0].stops[0] for miss in found if [m.step for m in miss.missing] == [step])


WORD = "0s spawn winword.exe pid=10 ppid=1 parent=explorer.exe"


def test_an_exception_that_applies() -> None:
    chain = 'open as a -> egress by a as out within 1m\nexcept "ours" when out.destination.ip == "203.0.113.9"'
    stop = stop_at(2, chain, WORD, "5s egress 203.0.113.9 pid=10")
    assert (stop.asked, stop.what) == (Asked.EXCEPTION, "ours")


def test_an_absence_that_was_broken() -> None:
    chain = "open as a -> !write by a -> egress by a within 1m"
    stop = stop_at(3, chain, WORD, r"2s write %TEMP%\a pid=10", "5s egress 203.0.113.9 pid=10")
    assert stop.asked is Asked.ABSENCE
    assert stop.change is not None and stop.change.setting is None


def test_an_arrow_that_is_too_short() -> None:
    chain = "param Gap = 3s\nopen as a ->[Gap] egress by a within 1m"
    stop = stop_at(2, chain, WORD, "5s egress 203.0.113.9 pid=10")
    assert (stop.asked, stop.took, stop.limit) == (Asked.LATEST, 5_000_000, 3_000_000)
    assert stop.change is not None and stop.change.setting == "Gap=5s"


def test_an_arrow_that_waits_too_long() -> None:
    chain = "param Gap = 10s\nopen as a ->[Gap..] egress by a within 1m"
    stop = stop_at(2, chain, WORD, "5s egress 203.0.113.9 pid=10")
    assert (stop.asked, stop.took) == (Asked.EARLIEST, 5_000_000)
    assert stop.change is not None and stop.change.setting == "Gap=5s"


def test_of_several_pairs_the_nearest_counts() -> None:
    chain = "param Gap = 3s\nopen as a -> write by a ->[Gap] egress by a within 1m"
    story = (WORD, r"1s write %TEMP%\a pid=10", r"2s write %TEMP%\a pid=10", "6s egress 1.2.3.4 pid=10")
    stop = stop_at(3, chain, *story, "9s egress 1.2.3.4 pid=10")
    assert stop.took == 4_000_000


def test_a_number_that_was_not_reached() -> None:
    three = (f"{n}s egress 203.0.113.{n} pid=10" for n in (1, 2, 3))
    stop = stop_at(2, "open as a -> (egress by a){4} within 1m", WORD, *three)
    assert stop.asked is Asked.COUNT
    assert stop.change is not None and stop.change.text == "a least number of 3"


def test_a_bound_of_a_comparison() -> None:
    chain = "param Big = 100\nopen as a -> egress by a where destination.port > Big within 1m"
    stop = stop_at(2, chain, WORD, "5s egress 203.0.113.9:80 pid=10")
    assert stop.asked is Asked.CONDITION
    assert stop.change is not None and stop.change.setting == "Big=79"


def test_of_a_list_all_words_go_that_hold_and_no_others(tmp_path: Path) -> None:
    """With each of them left in, the chain does not match."""
    chain = "param L = { 198.51.100.0/24, 203.0.113.0/24, 203.0.113.9 }\nopen as a -> egress(not L) by a within 1m"
    stop = stop_at(2, chain, WORD, "5s egress 203.0.113.9 pid=10")
    assert stop.change is not None and stop.change.setting == "L-={ 203.0.113.0/24, 203.0.113.9 }"
    path = tmp_path / "t.chain"
    path.write_text(f'{HEAD}{chain}\ntest "story" raises 0 {{\n  {WORD}\n  5s egress 203.0.113.9 pid=10\n}}\n')
    (test,) = load(path).tests
    assert raised(changed(path, (stop.change.setting,)), test)
    fewer = list(without_a_word(stop.change.setting))
    assert fewer == ["L-={ 203.0.113.9 }", "L-={ 203.0.113.0/24 }"]
    for setting in fewer:
        assert not raised(changed(path, (setting,)), test)


def test_of_two_lists_that_hold_one_alone_is_not_proposed() -> None:
    """It would not be enough."""
    chain = "param L = { 203.0.113.9 }\nparam M = { 203.0.113.0/24 }\nopen as a -> egress(not L + M) by a within 1m"
    stop = stop_at(2, chain, WORD, "5s egress 203.0.113.9 pid=10")
    assert stop.asked is Asked.WORDS and stop.change is None


def test_a_descendant_instead_of_the_process_itself() -> None:
    chain = "open({ winword.exe }) as a -> egress by a within 1m"
    stop = stop_at(2, chain, WORD, "1s spawn cmd.exe pid=11 ppid=10", "5s egress 203.0.113.9 pid=11")
    assert (stop.asked, stop.what) == (Asked.DEPTH, "by a")
    assert stop.change is not None and stop.change.text == "`under a` for `by a`"


def test_what_a_record_does_not_say_is_told_as_such() -> None:
    stop = stop_at(2, "param L = {}\nopen as a -> egress(not L) by a within 1m", WORD, "5s egress pid=10")
    assert stop.unknown and stop.change is None


# -- the command ----------------------------------------


def test_json_is_one_object(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("why", "-f", "json", "t.chain", "hit.jsonl")
    assert (code, err) == (Exit.OK, "")
    report = json.loads(out)
    assert report["chains"][0]["funnel"]["alerts"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--entity", "user=jane"), "error: `user=jane` is no entity to look for"),
        (("--entity", "pid="), "error: `pid=` is no entity to look for"),
        (("--step", "9"), "error: no chain has a step 9"),
        (("--step", "0"), "error:"),
        (("--limit", "0"), "error:"),
        (("--format", "yaml"), "error:"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(
    here: Path, chainrun: Command, options: tuple[str, str], message: str
) -> None:
    code, out, err = chainrun("why", "t.chain", "hit.jsonl", *options)
    assert (code, out) == (Exit.USAGE, "")
    assert message in err


def test_what_cannot_be_read_is_told_at_the_end(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("why", "-q", "t.chain", "hit.jsonl", "gone.jsonl")
    assert code == Exit.UNREADABLE and "gone.jsonl" in err and "1 alert" in out


def test_telemetry_can_not_steer_the_terminal(here: Path, chainrun: Command) -> None:
    (here / "evil.jsonl").write_text(EVENTS.replace("powershell.exe", "p\\u001b[2Jowershell.exe"))
    for form, shown in (("text", r"\x1b[2J"), ("json", r"\u001b[2J")):
        _, out, _ = chainrun("why", "-q", "-f", form, "t.chain", "evil.jsonl")
        assert "\x1b" not in out and shown in out


def test_rubbish_is_nothing_near(here: Path, chainrun: Command) -> None:
    (here / "rubbish.jsonl").write_bytes(b'{"a":\n\xff\xfe\n[1,2]\n{}\n')
    code, out, _ = chainrun("why", "-q", "t.chain", "rubbish.jsonl")
    assert code == Exit.OK and "nothing came near" in out


def test_what_is_not_there_at_all_is_told(here: Path, chainrun: Command) -> None:
    (here / "empty.jsonl").write_text("")
    _, out, _ = chainrun("why", "-q", "t.chain", "empty.jsonl")
    assert out.endswith("\n\nthere were no events\n")
    code, out, _ = chainrun("why", "-q", "t.chain", "hit.jsonl", "--host", "no\x1b", "--entity", "pid=77777")
    assert code == Exit.OK
    assert "none of the 2 events has to do with host no\\x1b\nnone of the 2 events has to do with pid=77777\n" in out
    assert "\nthere are events of " in out
    _, out, _ = chainrun("why", "-q", "t.chain", "hit.jsonl", "--entity", "name=PowerShell.exe")
    assert "has to do with" not in out
