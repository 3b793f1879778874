"""How far chains got, for people: the funnel, then near misses, each step with its event or with what stopped it."""

from collections.abc import Iterator
from shlex import quote

from chainrun.dsl.check.spelling import duration

from ..report.duration import short
from ..report.escape import escape, excerpt
from ..report.funnel import Funnel, StepCount
from ..report.paint import Paint
from ..report.summary import FORMS, LOST
from .why_report import ChainWhy, Miss, Missing, Place, Report, Stop
from .why_weaker import Asked

_TITLE = 60
_WHERE = 200
_STOPS = 3  # of one step


def to_text(report: Report, paint: Paint | None = None) -> str:
    """The whole report as lines of text, each ended."""
    paint = paint or Paint(False)
    lines: list[str] = []
    for chain in report.chains:
        lines += [*_chain(chain, paint), ""]
    if report.linked < report.starts:
        unlinked = f"{report.starts - report.linked:,} of {report.starts:,} process starts"
        lines += [f"the telemetry does not say who made {unlinked}: what hangs on their lineage cannot be linked", ""]
    nothing = list(_nothing(report))
    lines += [*nothing, ""] if nothing else []
    return "\n".join(lines[:-1]) + "\n"


def _nothing(report: Report) -> Iterator[str]:
    """What could not be found because it is not there at all."""
    if not report.events:
        yield "there were no events"
        return
    for what in report.unseen:
        yield f"none of the {report.events:,} events has to do with {excerpt(what, _WHERE)}"
    if report.hosts:
        yield f"there are events of {', '.join(excerpt(host, _WHERE) for host in report.hosts)}"


def _chain(chain: ChainWhy, paint: Paint) -> Iterator[str]:
    funnel = chain.funnel
    alerts = f"{funnel.alerts:,} alert{'' if funnel.alerts == 1 else 's'}"
    name = f"{escape(funnel.analytic)}/{escape(funnel.chain)}"
    yield f"{paint(name, 'bold')}  {paint(alerts, 'bold', 'red') if funnel.alerts else alerts}"
    yield from _funnel(funnel, paint)
    for number, miss in enumerate(chain.misses, 1):
        yield ""
        yield from _miss(number, miss, paint)
    if not chain.misses:
        yield ""
        yield "  nothing came near"
    if chain.more:
        yield ""
        yield f"  {chain.more:,} more came no nearer; --limit shows more, --host and --entity choose"


def _funnel(funnel: Funnel, paint: Paint) -> Iterator[str]:
    titles = [f"{s.number} {FORMS[s.role].format(excerpt(s.title, _TITLE))}" for s in funnel.steps]
    title = max(map(len, titles), default=0)
    alone = max((len(f"{s.alone:,}") for s in funnel.steps), default=0)
    followed = max((len(f"{s.followed:,}") for s in funnel.steps), default=0)
    for step, text in zip(funnel.steps, titles, strict=True):
        if not step.role.is_positive:
            yield f"  {text}"
            continue
        counts = f"{step.alone:>{alone},} matched, {step.followed:>{followed},} in place"
        yield f"  {text:<{title}}  {counts}{_lost(step)}"


def _lost(step: StepCount) -> str:
    causes = [f"{lost.events:,} {LOST[lost.cause]}" for lost in step.lost]
    found = f": {', '.join(causes)}" if causes else ""
    found += f"; {step.unknown:,} more do not say enough" if step.unknown else ""
    return found + (f"; {step.expired:,} expired" if step.expired else "")


def _miss(number: int, miss: Miss, paint: Paint) -> Iterator[str]:
    scope = ", ".join(excerpt(value, _WHERE) for value in miss.scope)
    yield paint(f"{number}  {miss.there} of {miss.steps} steps on {scope}", "bold")
    rows: list[tuple[int, list[str]]] = [(m.step, _matched(m.name, m.step, m.place, paint)) for m in miss.matched]
    rows += [(m.step, list(_missing(m, miss, paint))) for m in miss.missing]
    for _, lines in sorted(rows, key=lambda row: row[0]):
        yield from lines


def _matched(name: str, step: int, place: Place, paint: Paint) -> list[str]:
    return [f"  {step:>2}  {paint(escape(name), 'cyan')}  {escape(place.what)}", f"      {paint(_where(place), 'dim')}"]


def _missing(missing: Missing, miss: Miss, paint: Paint) -> Iterator[str]:
    yield f"  {missing.step:>2}  {paint('missing', 'yellow')}  {excerpt(missing.name, _TITLE)}"
    for stop in missing.stops[:_STOPS]:
        yield f"      {_said(stop)}"
        if stop.nearest is not None:
            yield f"        {escape(stop.nearest.what)}"
            yield f"        {paint(_where(stop.nearest), 'dim')}"
        if stop.broken is not None:
            yield f"        {paint('broken by', 'yellow')}  {escape(stop.broken.what)}"
            yield f"        {paint(_where(stop.broken, with_host=True), 'dim')}"
        if stop.change is not None:
            setting = stop.change.setting
            change = f"--set {quote(escape(setting))}" if setting is not None else escape(stop.change.text)
            yield f"        {_promise(miss)} {paint(change, 'bold')}"
    if len(missing.stops) > _STOPS:
        left = sum(stop.events for stop in missing.stops[_STOPS:])
        yield f"      and {left:,} more event{'' if left == 1 else 's'}, which `--format json` has"
    if not missing.stops:
        yield f"      {_none(missing)}"
        if missing.nearest is not None:
            yield f"        {escape(missing.nearest.what)}"
            yield f"        {paint(_where(missing.nearest), 'dim')}"


def _promise(miss: Miss) -> str:
    """What a change would bring."""
    if miss.together:
        return "together with the other change it would match with"
    return "it would match with" if len(miss.missing) == 1 else "this step would match with"


def _said(stop: Stop) -> str:
    """What stopped events, in a sentence."""
    many = f"{stop.events:,}{' or more' if stop.at_least else ''}"
    events = f"{many} event{'' if stop.events == 1 and not stop.at_least else 's'}"
    what = escape(stop.what)
    if stop.unknown:
        return f"{events} but for what {'it does' if stop.events == 1 else 'they do'} not say: {what}"
    took = short(stop.took or 0)
    limit = duration(stop.limit) if stop.limit is not None else "less"
    happened = "happened" if stop.broken is not None else "happened, or may have"
    match stop.asked:
        case Asked.WINDOW:
            return f"{events} too late: {took} from the first step to the last, and the window is {limit}"
        case Asked.LATEST:
            return f"{events} too late: {took} after the step before, and the arrow allows {limit}"
        case Asked.EARLIEST:
            return f"{events} too early: {took} after the step before, and the arrow asks for {limit}"
        case Asked.EXCEPTION:
            return f"{events} excepted as “{what}”"
        case Asked.ABSENCE:
            return f"{events} but for `!{what}`, which {happened}"
        case Asked.UNTIL:
            return f"{events} after `until {what}` had ended it"
        case Asked.PRIOR:
            return f"{events} but for an earlier `{what}`, which {happened}"
        case Asked.WORDS:
            return f"{events} but for what is asked of it: {what}"
        case Asked.CONDITION:
            return f"{events} but for `where {what}`"
        case Asked.COUNT:
            return f"{events} but for the number that is asked for"
        case Asked.DEPTH:
            return f"{events} by a descendant, and not `{what}`"
        case Asked.LINK:
            return f"{events} but for the link `{what}`"
        case Asked.NOTHING:
            return events


def _none(missing: Missing) -> str:
    """Why a step is missing where no single thing is to blame."""
    if not missing.kinds:
        return f"no event of its kind on this host{f', {missing.elsewhere:,} on others' if missing.elsewhere else ''}"
    kinds = f"{missing.kinds:,} event{'' if missing.kinds == 1 else 's'} of its kind on this host"
    if not missing.alone:
        return f"{kinds}, and none that is the step by itself"
    selves = "itself" if missing.alone == 1 else "themselves"
    return f"{kinds}, {missing.alone:,} of them the step by {selves}, the nearest in time:"


def _where(place: Place, with_host: bool = False) -> str:
    host = f"  {excerpt(place.host, _WHERE)}" if with_host and place.host else ""
    return f"{place.time[:23].replace('T', ' ')}{host}  {excerpt(place.input, _WHERE)}:{place.line}"
