"""The smallest change of a chain that would have let a near miss match: computed from the events, and tried on them.

    within TimeWindow            TimeWindow=18m4s      as long as this match took, and no longer
    egress(not EgressAllowList)  EgressAllowList-={ 17.0.0.0/8 }     the words that hold, and no others
    spawn(HighRiskChildren)      HighRiskChildren+={ splwow64.exe }  the event's own value, and no more

Where a parameter decides, the change is a setting of it; else it is said in the chain's own words. Called by `why`.
"""

from collections.abc import Iterator, Mapping

import msgspec
from chainrun.dsl import model, tree
from chainrun.dsl.check.spelling import duration, literal, words
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Argument, Chain, Pattern, Step, Target, Word, Words
from chainrun.dsl.overrides import command_line
from chainrun.dsl.source import Span
from chainrun.dsl.types import ValueType

from ..event import Event
from ..match.conditions import compile_condition, looks_back, reads
from ..match.endpoints import destination_fields
from ..match.fields import Rename, unchanged
from ..match.readings import as_parent
from ..match.subjects import is_program_field
from ..match.words import compile_pattern
from ..report.phrase import base_name
from .why_follow import Near, Sighting
from .why_partial import arguments
from .why_weaker import Asked, Weaker

MILLISECOND = 1_000


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What to change. `setting`: as after `--set`, where a parameter decides; `text`: what the chain would say."""

    text: str
    setting: str | None = None


class Named(msgspec.Struct, frozen=True):
    """The parameters that limits of time stand for, as the file has them: of the whole chain, and of arrows by their
    place: (least, most)."""

    within: str | None = None
    arrows: Mapping[Span, tuple[str | None, str | None]] = {}


def named(file: tree.File | None, chain: Chain) -> Named:
    """The names of the limits of one chain of a file."""
    written = (
        next((i for i in file.items if isinstance(i, tree.Chain) and i.span == chain.span), None) if file else None
    )
    if written is None:
        return Named()
    within = next((c.value for c in written.clauses if isinstance(c, tree.Within)), None)
    arrows = {hop.span: (_name(hop.least), _name(hop.most)) for hop in _hops(written)}
    return Named(_name(within), arrows)


def _name(value: tree.Expression | None) -> str | None:
    return value.parts[0] if isinstance(value, tree.Path) and len(value.parts) == 1 else None


def _hops(node: object) -> Iterator[tree.Hop]:
    if isinstance(node, tree.Hop):
        yield node
    elif isinstance(node, tuple):
        for one in node:
            yield from _hops(one)
    elif isinstance(node, tree.Node):
        for name in node.__struct_fields__:
            yield from _hops(getattr(node, name))


def change(near: Near, weaker: Weaker, place: Sighting | None, chain: Chain, names: Named) -> Change | None:
    """The smallest change that would have let these matches of a weaker chain match; `place`: the event that the step
    would not take. None where no change is known that does it."""
    over = near.over
    match weaker.asked:
        case Asked.WINDOW if over is not None:
            return _limit(names.within, "within {}", _up(over))
        case Asked.LATEST if over is not None and weaker.hop is not None:
            from_ = duration(weaker.hop.least) + ".." if weaker.hop.least else ""
            return _limit(_arrow(names, weaker)[1], f"{weaker.hop.arrow}[{from_}{{}}]", _up(over))
        case Asked.EARLIEST if over is not None and weaker.hop is not None:
            most = duration(weaker.hop.most) if weaker.hop.most is not None else ""
            least = -over // MILLISECOND * MILLISECOND
            if not least:
                return Change(f"{weaker.hop.arrow}[{most}]" if most else weaker.hop.arrow)
            return _limit(_arrow(names, weaker)[0], f"{weaker.hop.arrow}[{{}}..{most}]", least)
        case Asked.EXCEPTION:
            return Change(f"no exception “{weaker.reason}”")
        case Asked.ABSENCE | Asked.UNTIL | Asked.PRIOR:
            written = {Asked.ABSENCE: "!", Asked.UNTIL: "until ", Asked.PRIOR: "without prior "}[weaker.asked]
            return Change(f"no `{written}{weaker.what}`")
        case Asked.COUNT:
            return Change(f"a least {'number' if weaker.what == 'count' else weaker.what} of {weaker.least}")
        case Asked.DEPTH:
            return Change(f"`under{weaker.what.removeprefix('by')}` for `{weaker.what}`")
        case Asked.WORDS if weaker.argument is not None and place is not None:
            return _words(weaker, place, near, chain)
        case Asked.CONDITION if weaker.condition is not None and place is not None:
            return _bound(weaker.condition, place.event)
        case _:
            return None


def _arrow(names: Named, weaker: Weaker) -> tuple[str | None, str | None]:
    assert weaker.hop is not None
    return names.arrows.get(weaker.hop.span, (None, None))


def _up(microseconds: int) -> int:
    """To the next moment that the language can write."""
    return -(-microseconds // MILLISECOND) * MILLISECOND


def _limit(name: str | None, written: str, needed: int) -> Change:
    value = duration(needed)
    return Change(written.format(value), f"{name}={value}" if name is not None else None)


# -- sets of words ----------------------------------------


def holds(weaker: Weaker, place: Sighting) -> bool:
    """Whether an event is what the weaker chain does not ask of it, all the same."""
    if weaker.argument is not None:
        return _test(weaker.argument.pattern, weaker.argument.target, place.step, place) is True
    if weaker.condition is None or reads(weaker.condition) or looks_back(weaker.condition):
        return False
    return compile_condition(weaker.condition, rename=_rename(place))(place.event, ()) is True


def is_unknown(argument: Argument, step: Step, place: Sighting) -> bool:
    """Whether an event does not say what an argument tests."""
    return not reads(argument.pattern) and _test(argument.pattern, argument.target, step, place) is None


class _Mend(msgspec.Struct, frozen=True):
    """One set of words changed: its name, how, by which words, and the set as it is then."""

    name: str | None
    operator: str
    by: tuple[Word, ...]
    old: Words
    new: Words


def _words(weaker: Weaker, place: Sighting, near: Near, chain: Chain) -> Change | None:
    argument, step = weaker.argument, place.step
    assert argument is not None
    mend = _mend(argument.pattern, argument.target, step, place, wanted=True)
    if mend is None:
        return None
    if mend.name is None:
        return Change(f"{words(mend.new.words)} for {words(mend.old.words)}") if len(mend.new.words) < 20 else None
    # the parameter may stand elsewhere too: what matched there has to match still
    for number, sighting in near.sightings.items():
        at = sighting if number != weaker.step else place
        for _, _, each in arguments(_step_of(chain, number) or at.step):
            changed = _replaced(each.pattern, mend)
            if changed != each.pattern and _test(changed, each.target, at.step, at) is not True:
                return None
    setting = f"{mend.name}{mend.operator}{words(mend.by)}"
    return Change(f"`{mend.name}` {'with' if mend.operator == '+=' else 'without'} {_said(mend.by)}", setting)


def _said(found: tuple[Word, ...]) -> str:
    return ", ".join(word.text for word in found)


def _step_of(chain: Chain, number: int) -> Step | None:
    steps = (s for p in chain.positions for s in model.steps(p.element))
    return next((step for step in steps if step.number == number), None)


def _mend(pattern: Pattern, target: Target, step: Step, place: Sighting, wanted: bool) -> _Mend | None:
    """The one set of a pattern that has to change, and how, for an event to pass it (or not to); None where it takes
    more than one, or the event does not say enough."""
    truth = _test(pattern, target, step, place)
    if truth is None or truth is wanted:
        return None
    match pattern:
        case Words():
            return _more(pattern, target, step, place) if wanted else _fewer(pattern, target, step, place)
        case model.NotIn():
            return _mend(pattern.pattern, target, step, place, not wanted)
        case model.AnyOf() if wanted:
            found = (_mend(one, target, step, place, True) for one in pattern.patterns)
            return next((one for one in found if one is not None), None)
        case model.AnyOf():
            return _only(
                [one for one in pattern.patterns if _test(one, target, step, place)], target, step, place, False
            )
        case model.ButNot() if wanted:
            missing = [] if _test(pattern.pattern, target, step, place) else [pattern.pattern]
            if not _test(pattern.without, target, step, place):
                return _only(missing, target, step, place, True)
            return None if missing else _mend(pattern.without, target, step, place, False)
    return None


def _only(found: list[Pattern], target: Target, step: Step, place: Sighting, wanted: bool) -> _Mend | None:
    return _mend(found[0], target, step, place, wanted) if len(found) == 1 else None


def _fewer(pattern: Words, target: Target, step: Step, place: Sighting) -> _Mend:
    """Without the words that hold."""
    gone = tuple(w for w in pattern.words if _test(Words(words=(w,)), target, step, place))
    left = msgspec.structs.replace(pattern, words=tuple(w for w in pattern.words if w not in gone))
    return _Mend(pattern.name, "-=", gone, pattern, left)


def _more(pattern: Words, target: Target, step: Step, place: Sighting) -> _Mend | None:
    """With the event's own value, in the plainest form that means it."""
    for text in _values(target, step, place):
        for quote in ("", '"', "'"):
            word = Word(text, quote)
            if _is_word(word) and _test(Words(words=(word,)), target, step, place):
                more = msgspec.structs.replace(pattern, words=(*pattern.words, word))
                return _Mend(pattern.name, "+=", (word,), pattern, more)
    return None


def _is_word(word: Word) -> bool:
    """Whether it can be written so."""
    try:
        (setting,) = command_line([f"x+={words((word,))}"]).settings
    except (ChainError, ValueError):
        return False
    value = setting.value
    return isinstance(value, tree.WordSet) and [getattr(item, "text", None) for item in value.items] == [word.text]


def _replaced(pattern: Pattern, mend: _Mend) -> Pattern:
    """A pattern in which the changed set stands for the old one."""
    replace = msgspec.structs.replace
    match pattern:
        case Words():
            return replace(pattern, words=mend.new.words) if pattern.name == mend.name else pattern
        case model.AnyOf():
            return replace(pattern, patterns=tuple(_replaced(p, mend) for p in pattern.patterns))
        case model.ButNot():
            left, right = _replaced(pattern.pattern, mend), _replaced(pattern.without, mend)
            return replace(pattern, pattern=left, without=right)
        case model.NotIn():
            return replace(pattern, pattern=_replaced(pattern.pattern, mend))
        case _:
            return pattern


def _test(pattern: Pattern, target: Target, step: Step, place: Sighting) -> bool | None:
    """What an event is to a pattern; unknown, where that is not for the event alone to say."""
    if reads(pattern):
        return None
    actor = step.parts[0].kind.actor
    return compile_pattern(pattern, target, rename=_rename(place), actor=actor)(place.event, ())


def _rename(place: Sighting) -> Rename:
    """How a step reads the event."""
    return as_parent if is_about_parent(place) else unchanged


def is_about_parent(place: Sighting) -> bool:
    """Whether the event shows an app to be open by what it starts, and not itself."""
    event, process = place.event, place.process
    opens = any(part.base == "open" for part in place.step.parts)
    return opens and process is not None and process is event.actor and process is not event.process


def _values(target: Target, step: Step, place: Sighting) -> Iterator[str]:
    """What an event has where a pattern tests it, the plainest first."""
    event, rename = place.event, _rename(place)
    if target.field == "<actor>":
        names: tuple[object, ...] = (event.actor.name, event.actor.executable) if event.actor is not None else ()
    elif target.type is ValueType.PROGRAM and not is_program_field(target.field):
        names = tuple(event.fields.get(rename(f"{target.field}.{part}")) for part in ("name", "executable"))
    elif target.type is ValueType.DESTINATION and target.field in ("destination", "source"):
        names = tuple(event.fields.get(rename(name)) for name in destination_fields(target.field))
    else:
        names = (event.fields.get(rename(target.field)),)
    for value in names:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str) and one:
                if target.type is ValueType.PROGRAM:
                    yield base_name(one)
                yield one
            elif isinstance(one, int) and not isinstance(one, bool):
                yield str(one)


# -- numbers ----------------------------------------

_NEEDED = {">": -1, ">=": 0, "<": 1, "<=": 0, "==": 0}


def _bound(condition: model.Expression, event: Event) -> Change | None:
    """A bound that the event's own number keeps, and no wider."""
    if reads(condition) or looks_back(condition):
        return None
    match condition:
        case model.Binary(op=op, left=model.Field() as field, right=model.Literal(value=int()) as bound):
            value = event.fields.get(field.name)
        case _:
            return None
    if op not in _NEEDED or not isinstance(value, int) or isinstance(value, bool) or isinstance(bound.value, bool):
        return None
    changed = msgspec.structs.replace(bound, value=value + _NEEDED[op])
    if compile_condition(msgspec.structs.replace(condition, right=changed))(event, ()) is not True:
        return None
    text = literal(changed)
    return Change(f"{field.name} {op} {text}", f"{bound.name}={text}" if bound.name else None)
