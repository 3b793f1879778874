"""The checker: what wrong files are told, and what good files mean."""

from pathlib import Path

import pytest
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.check.lines import exceptions_of, expired
from chainrun.dsl.codes import CODES
from chainrun.dsl.diagnostic import ChainError, Diagnostic
from chainrun.dsl.nearest import nearest
from chainrun.dsl.parser import parse
from chainrun.dsl.prelude import prelude
from chainrun.dsl.printer import format_tree
from chainrun.dsl.render import to_text
from chainrun.dsl.source import Source
from chainrun.dsl.tree import same
from chainrun.dsl.types import Entity, ValueType
from chainrun.dsl.vocabulary import vocabulary

GOLDENS = Path(__file__).parent / "goldens" / "diagnostics"
MINUTE = 60_000_000

SHIPPED = """
analytic AN1316 "User execution on macOS: open, drop, script child, egress" {
  platform: macos
  attack:   T1204.001, T1204.002
  strategy: DET0478
  severity: high
  reference: "https://attack.mitre.org/detectionstrategies/DET0478#AN1316"
}

param TimeWindow       = 30m  "Longest time from the open to the egress; ATT&CK suggests 10-30 minutes."
param UserApps         = { Safari, "Google Chrome", Preview }  "Apps whose open, click or crash can begin a chain."
param UserPaths        = { ~/Downloads, /private/var/folders, ~/Library }
param HighRiskChildren = { osascript, bash, zsh, curl, python*, "open -a Terminal" }
param EgressAllowList  = { *.apple.com, *.icloud.com, 17.0.0.0/8 }

open(UserApps) as app
  -> write(UserPaths) as drop
  -> spawn(HighRiskChildren) by app as child
  -> egress(not EgressAllowList)
  within TimeWindow

except "managed installs" when child.process.name == "installer" and app.process.name == "Self Service"
"""


def checked(text: str, name: str = "t.chain") -> tuple[model.Analytic, tuple[Diagnostic, ...]]:
    source = Source(name, text)
    return check(parse(source), source)


def main(text: str) -> model.Chain:
    return checked(text)[0].chains[0]


def step(element: model.Element) -> model.Step:
    return model.steps(element)[0]


def codes(text: str) -> list[str]:
    try:
        checked(text)
    except ChainError as error:
        return [d.code for d in error.diagnostics]
    return []


# -- wrong files ----------------------------------------


@pytest.mark.parametrize("path", sorted(GOLDENS.glob("*.chain")), ids=lambda p: p.stem)
def test_a_wrong_file_is_told_what_is_wrong(path: Path, accept: bool) -> None:
    """Errors, or where there are none the warnings."""
    source = Source(path.name, path.read_text(encoding="utf-8"))
    try:
        found = check(parse(source), source)[1]
    except ChainError as error:
        found = error.diagnostics
    text = to_text(found, source)
    golden = path.with_suffix(".txt")
    if accept:
        golden.write_text(text, encoding="utf-8")
    assert found
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [c for c in CODES if c >= "C2" and CODES[c].wrong])
def test_a_code_is_raised_by_its_wrong_example_alone_and_not_by_the_right_one(code: str) -> None:
    assert codes(CODES[code].wrong) == [code]
    assert codes(CODES[code].right) == []


def test_every_fault_of_a_file_is_told_in_order_of_place() -> None:
    with pytest.raises(ChainError) as raised:
        checked("opn -> write(Nope) -> spawn where process.nme == 'x' within 5m")
    assert [d.code for d in raised.value.diagnostics] == ["C201", "C202", "C204"]


@pytest.mark.parametrize(
    "text",
    [
        "opn as app -> write by app -> spawn where process.pid == app.process.pid within 5m",
        "kind drop: writ\ndrop as d ~> exec(d) -> drop within 5m",
        "A = { ...B }\nspawn(A) -> egress(A) within 5m",
        "spawn as host -> egress by host within 5m",
    ],
)
def test_a_fault_causes_no_others(text: str) -> None:
    assert len(codes(text)) == 1


# -- suggestions ----------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [("egres", "egress"), ("EGRESS", "egress"), ("wirte", "write"), ("sapwn", "spawn"), ("gatekeper", "gatekeeper")],
)
def test_a_slip_of_the_fingers_is_recognised(written: str, meant: str) -> None:
    assert nearest(written, vocabulary().kinds) == meant


@pytest.mark.parametrize("written", ["teleport", "x", "ab", "network", "execute", "loop", "crate2bed"])
def test_what_is_not_close_gets_no_suggestion(written: str) -> None:
    assert nearest(written, vocabulary().kinds) is None


# -- good files ----------------------------------------


def test_the_shipped_example_means_what_it_says() -> None:
    analytic, warnings = checked(SHIPPED)
    assert (analytic.id, analytic.platforms, analytic.severity) == ("AN1316", ("macos",), "high")
    assert analytic.attack == ("T1204.001", "T1204.002")
    assert [w.message for w in warnings] == ["nothing uses `drop`"]
    chain = analytic.chains[0]
    assert (chain.name, chain.within, chain.scope) == ("main", 30 * MINUTE, ("host",))
    steps = [step(p.element) for p in chain.positions]
    assert [s.kind for s in steps] == ["open", "write", "spawn", "egress"]
    assert [s.number for s in steps] == [1, 2, 3, 4]
    assert [s.capture for s in steps] == ["app", "drop", "child", None]
    assert steps[2].title == "spawn(HighRiskChildren) by app"
    assert [(link.word, link.capture) for link in steps[2].parts[0].links] == [("by", "app")]
    allowed = steps[3].parts[0].arguments[0].pattern
    assert isinstance(allowed, model.NotIn)
    assert isinstance(allowed.pattern, model.Words)
    assert allowed.pattern.name == "EgressAllowList"
    assert chain.exceptions[0].reason == "managed installs"


def test_parameters_are_listed_with_the_type_that_their_use_gives() -> None:
    parameters = {p.name: p for p in checked(SHIPPED)[0].parameters}
    assert parameters["TimeWindow"].type is ValueType.DURATION
    assert parameters["TimeWindow"].value == "30m"
    assert parameters["UserApps"].type is ValueType.PROGRAM
    assert parameters["UserPaths"].type is ValueType.PATH
    assert parameters["EgressAllowList"].type is ValueType.DESTINATION
    assert parameters["HighRiskChildren"].value == '{ osascript, bash, zsh, curl, python*, "open -a Terminal" }'


def test_a_file_without_a_header_is_called_like_the_file() -> None:
    assert checked("open", "rules/dropper.chain")[0].id == "dropper"


def test_words_keep_their_quotes() -> None:
    argument = step(main("spawn({ a*, 'b c', \"d e\" })").positions[0].element).parts[0].arguments[0]
    assert isinstance(argument.pattern, model.Words)
    assert [(w.text, w.quote) for w in argument.pattern.words] == [("a*", ""), ("b c", "'"), ("d e", '"')]


def test_included_words_are_put_in_place_and_differences_stay() -> None:
    text = "A = { a }\nB = { b, ...A }\nspawn(B - { a })"
    pattern = step(main(text).positions[0].element).parts[0].arguments[0].pattern
    assert isinstance(pattern, model.ButNot)
    assert isinstance(pattern.pattern, model.Words)
    assert [w.text for w in pattern.pattern.words] == ["b", "a"]


def test_a_declared_kind_puts_its_filter_in_front() -> None:
    text = 'P = { /Library/LaunchAgents }\nkind persist: write(P) where file.size > 1KB\npersist(user: "root") as p'
    part = step(main(text).positions[0].element).parts[0]
    assert (part.kind.name, part.base) == ("persist", "write")
    assert [a.name for a in part.arguments] == [None, "user"]
    assert isinstance(part.where, model.Binary)


def test_a_declared_kind_can_introduce_and_test_other_fields() -> None:
    text = (
        'kind clone: call("CreateVolume") { introduces: volume = aws.ec2.volume_id tests: aws.ec2.snapshot_id }\n'
        'clone("snap-*") as vol'
    )
    kind = step(main(text).positions[0].element).parts[0].kind
    assert kind.introduces == model.Introduced(Entity.VOLUME, "aws.ec2.volume_id")
    assert kind.tests == model.Target(ValueType.TEXT, "aws.ec2.snapshot_id")


def test_a_kind_may_filter_a_kind_that_is_declared_later() -> None:
    part = step(main("kind b: a where file.size > 1KB\nkind a: write\nb").positions[0].element).parts[0]
    assert part.base == "write"


def test_a_file_that_was_written_is_passed_as_that_file() -> None:
    argument = step(main("write as drop ~> exec(drop) within 5m").positions[1].element).parts[0].arguments[0]
    assert isinstance(argument.pattern, model.FromCapture)
    assert (argument.pattern.capture, argument.pattern.field) == ("drop", None)


def test_a_step_that_is_two_kinds_at_once_has_two_parts() -> None:
    chain = main("write as drop ~> spawn({ bash }) and exec(drop) as y -> egress within 5m")
    assert [p.base for p in step(chain.positions[1].element).parts] == ["spawn", "exec"]


def test_a_step_exception_hangs_on_its_step() -> None:
    line = 'except "tests" on child when process.name == "true" until 2027-01-31'
    chain = main(f"open -> spawn as child within 5m\n{line}")
    exclusion = step(chain.positions[1].element).exceptions[0]
    assert exclusion.reason == "tests"
    assert exclusion.until == 1_801_439_999_999_999  # the last microsecond of that day
    assert chain.exceptions == ()


def test_an_exception_past_its_date_is_found_by_who_has_a_clock() -> None:
    text = 'open as app -> write within 5m\nexcept "pilot" when app.process.pid == 4 until 2027-01-31'
    exceptions = exceptions_of(parse(Source("t.chain", text)))
    assert expired(exceptions, 1_801_439_999_999_999) == ()
    (warning,) = expired(exceptions, 1_801_440_000_000_000)
    assert (warning.code, warning.severity) == ("C612", "warning")
    assert warning.message == 'the exception "pilot" no longer applies'


def test_the_last_day_of_the_calendar_is_a_day() -> None:
    assert codes('open as a\nexcept "x" when a.process.pid == 4 until 9999-12-31') == []


def test_lines_before_the_first_chain_belong_to_those_that_know_their_captures() -> None:
    analytic, _ = checked(
        'except "lab" when app.process.pid == 1\n'
        "chain a: open as app -> write within 5m\nchain b: spawn as child -> egress within 5m"
    )
    assert [len(c.exceptions) for c in analytic.chains] == [1, 0]


def test_the_scope_of_a_platform_without_hosts_is_its_account() -> None:
    assert main("analytic X { platform: iaas }\nlaunch -> call within 5m").scope == ("cloud.account.id",)
    assert main("analytic X { platform: iaas }\nlaunch -> call within 5m per host").scope == ("host",)
    assert main("launch -> call per all within 5m").scope == ()


FORMS = [
    "open -> write & spawn -> egress within 5m",
    "open -> (write & ~> mount | exec) ~> egress within 1h",
    "open -> write? -> egress within 5m",
    "open -> write+ -> spawn{3} -> egress{2,} -> exit{1,4} within 5m",
    "egress{>= 20, distinct destination.ip >= 10 in 5m by destination.port} as e",
    "egress{sum destination.bytes > 500MB in 1h}",
    'signin{share(event.outcome == "failure") > 40% in 5m by source.ip}',
    "egress{>= 6 every 10m +- 1m}",
    "egress{>= 6 every 5m..1h}",
    "open -> !write -> spawn within 5m",
    "open -> !write within 5m",
    "open ->[5m] !write",
    "!open -> spawn within 1h",
    "!open ->[1h] spawn",
    'signin as s without prior signin(user: "x") in 30d',
    "launch as vm without prior call(box: vm) in 30d -> egress of vm within 1h",
    'signin where new(user.name, source.ip among signin in 30d) and time outside "mon-fri 08:00-18:00"',
    "M = { nginx: { nginx }, redis: { redis-server } }\nstart where process.args not in M[container.image.name]",
    "open ->? write ~>[10s..5m] exec within 1h",
    "open as app -> spawn by app until exit of app within 5m",
    "open as app -> write once per host, app, app.user.name in 1h within 5m",
    'open -> (write as drop)? -> egress within 5m\nseverity critical when drop\nexcept "x" when drop.file.size > 1MB',
    'event where raw."A.B" == "x" and labels."my-field" like "a*" and exists(process.parent.name)',
    "spawn where process.name in Shells + { x } - { bash } and process.args contains { -enc, -e }",
    "egress(External) where destination.bytes * 2 > source.bytes / 3 - 5",
    "open as a -> write where time - a.time > 10s and file.size > 100 within 5m",
    "(spawn as a & write where user.name == a.user.name) -> egress within 5m",
    "makeimage as img ~> launch(img) as vm -> egress from vm within 1h per cloud.account.id",
    "write as drop -> spawn where basename(process.executable) == drop.file.name within 5m",
    "mail -> open -> spawn -> egress within 1h",
    "signin -> call{>= 5 in 1m} within 10m per user",
    "accept as knock -> spawn(parent: { sshd }) once per knock.source.ip in 1h within 5m",
    "spawn as a -> spawn under a as b -> inject(a) within 5m",
    "write where at_least(2, file.size > 1MB, exists(file.origin_url), file.extension in { js, vbs })",
    "egress where destination.ip in Private and host.ip in dns.resolved_ip",
    "!open ->[1h] !write ->[2h] spawn",
    "open -> !write -> !read ~> spawn within 5m",
    "open -> !write -> spawn? -> egress within 5m",
    "open -> !(write | (read | delete)) -> egress ->[5m] !exit within 1h",
    "open -> spawn -> !egress ->[2m] !exit within 5m",
    "open -> write ->[5m] !read within 1h",
    "open -> ( ->[5s] write & ~>[1m] mount ) ->[2m] spawn within 5m",
    "open -> (write & read | spawn{3} | egress{>= 3 in 1m}) ~> exit within 5m",
    "open -> (write | read){2,100}? -> egress within 5m",
    "open -> ((write | read) | delete){>= 3 in 1m by user.name} as d -> egress within 5m",
    "open -> (write as w | read){3} -> egress within 5m",
    "open -> (spawn{3} without prior spawn(Shells) in 1h)? -> egress within 5m",
    "open -> spawn{>= 3 in 1m} as s without prior write(user: s.user.name) in 1d -> egress within 5m",
    "(signin as s without prior consent(user: s.user.name) in 1d | consent) ~> call within 1h",
    "open -> write & (read without prior delete in 1h) -> egress within 5m",
    "open as a -> spawn once per a, a.process.name, host in 1h within 5m",
    "open as app -> egress{sum destination.bytes > app.file.size * 2, count(destination.port == 443) >= 2 in 1m} within 5m",
    "egress{share(destination.port == 443) < 40% in 5m by destination.ip}",
    "N = 6\nP = 10m\negress{> N every P +- 1m by destination.ip}",
    'open -> (write | read) as f -> egress within 5m\nexcept "x" on f when file.size > 1MB',
    'open as a -> spawn within 5m\nseverity high when a.process.name == "x"\nseverity low when not exists(a.user.name)',
    "create as box -> egress from box until stop of box within 5m",
    "open ->? write ->? !read ->?[5s] exec within 5m",
]


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_the_language_is_put_into_the_model(text: str) -> None:
    chain = main(text)
    assert chain.positions
    file = parse(Source("t.chain", text))
    printed = format_tree(file)
    assert same(parse(Source("t.chain", printed)), file)
    assert format_tree(parse(Source("t.chain", printed))) == printed
    assert chain.text.split()[0] in printed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("open -> signin within 5m", "C219"),
        ("spawn as s -> write -> call within 5m", "C219"),
        ("signin -> spawn? -> call within 5m", "C219"),
        ("!spawn -> signin within 5m", "C219"),
        ("write as d -> egress under d within 5m", "C219"),
        ("(spawn | write) -> egress within 5m", "C220"),
    ],
)
def test_what_cannot_be_caused_is_refused(text: str, code: str) -> None:
    assert codes(text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "launch -> signin within 5m",
        "signin -> spawn within 5m",
        "event -> signin within 5m",
        "(read | write) -> egress within 5m",
    ],
)
def test_what_can_be_caused_is_taken(text: str) -> None:
    assert codes(text) == []


def test_a_repetition_introduces_nothing_so_the_subject_stays() -> None:
    assert codes("signin -> spawn{3} -> call within 5m") == []
    assert codes("signin -> spawn -> call within 5m") == ["C219"]


def test_the_prelude_is_without_fault_and_says_where_its_sets_come_from() -> None:
    _, file = prelude()
    names = [i.name.text for i in file.items]  # type: ignore[union-attr]
    assert {"Private", "External", "Browsers", "Shells", "UpdateHosts"} <= set(names)
    assert all(i.description is not None for i in file.items)  # type: ignore[union-attr]
    for name in names:
        uses = (f"egress({name})", f"spawn({name})", f"visit where user_agent.original like {name}")
        expected = uses[2] if name.endswith("Agents") else uses[0] if codes(uses[0]) == [] else uses[1]
        assert codes(expected) == [], name


def test_a_parameter_of_the_file_hides_the_preludes() -> None:
    argument = step(main("Shells = { my_shell }\nspawn(Shells)").positions[0].element).parts[0].arguments[0]
    assert isinstance(argument.pattern, model.Words)
    assert [w.text for w in argument.pattern.words] == ["my_shell"]


def test_unused_parameters_are_a_warning() -> None:
    _, warnings = checked("A = { x }\nB = { ...A }\nC = 5m\nspawn(B)")
    assert [(w.code, w.message) for w in warnings] == [("C606", "nothing uses `C`")]
