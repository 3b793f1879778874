"""Chains that ask for one thing less: what matches one of them nearly matched the chain itself.

    A(Words) as a -> !X -> B by a where b > 3 within 15m

    without the argument of A; without the absence; without the link, or `under` for `by`; without the condition;
    in ten times the window; without A; without B

They are chains like any other, compiled and run by the same engine: so a near miss can't be anything else than what a
run would have found. Each is named by the step that it asks less of, and by what it does not ask. Called by
`why_follow`.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import combinations

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Argument, Chain, Element, Expression, Hop, Position, Step
from msgspec.structs import replace

from ..match.conditions import members
from ..match.known import CAUSAL
from ..report.roles import positive
from .prose import condition_text, words_text
from .why_partial import arguments, together, units, without

LONGER = 10  # how many windows a near miss may have taken
MOST_UNITS = 6  # of a chain of more, not every selection of its steps is looked for
MOST_GONE = 2
PLAIN = ("words", "condition", "exception", "absence", "window")  # what two of are looked for together
FEWER = 64  # by how much less of a count is asked, at most


class Asked(StrEnum):
    """What a weaker chain does not ask."""

    NOTHING = "nothing"  # it is the chain itself
    WINDOW = "window"
    LATEST = "latest"  # the arrow's most
    EARLIEST = "earliest"  # the arrow's least
    EXCEPTION = "exception"
    ABSENCE = "absence"
    PRIOR = "prior"
    UNTIL = "until"
    WORDS = "words"  # an argument
    CONDITION = "condition"
    COUNT = "count"
    DEPTH = "depth"  # `under` for `by`
    LINK = "link"


class Weaker(msgspec.Struct, frozen=True, kw_only=True):
    """A chain that asks for less. `gone`: the steps that it does without; `step`: the one that it asks less of (of the
    whole chain: its last), and `asked`, `what` that is.

    hop, steps, in_any_order  of limits of an arrow: it, the steps of the element that it leads to, whether that is `&`
    argument, condition       what is not tested
    reason                    of an exception
    least                     what it asks of a count
    broken, is_breaker        of an absence: the steps that must not happen; whether it asks for them (`why_broken`)
    also                      what else it does not ask, of another step
    """

    chain: Chain
    gone: frozenset[int] = frozenset()
    step: int = 0
    asked: Asked = Asked.NOTHING
    what: str = ""
    argument: Argument | None = None
    condition: Expression | None = None
    hop: Hop | None = None
    steps: frozenset[int] = frozenset()
    in_any_order: bool = False
    reason: str = ""
    least: int = 0
    broken: frozenset[int] = frozenset()
    is_breaker: bool = False
    also: "Weaker | None" = None


def weaker(chain: Chain) -> Iterator[Weaker]:
    """The chain itself, and all that ask for less: whole, and without one or some of its steps."""
    yield Weaker(chain=chain)
    chain = replace(chain, once_per=None, once_within=None, severities=())  # each causal chain by itself
    there = units(chain)
    most = len(there) - 1 if len(there) <= MOST_UNITS else MOST_GONE
    selections: list[frozenset[int]] = []
    for count in range(1, most + 1):
        selections += [frozenset().union(*chosen) for chosen in combinations(there, count)]
    selections += [frozenset().union(*there[i:]) for i in range(1, len(there) - most)]
    for gone in selections:
        yield Weaker(chain=without(chain, gone), gone=gone)
    for i in range(len(there)):
        others = [frozenset[int](), *(unit for j, unit in enumerate(there) if j != i)]
        for gone in others:
            for one in _of_unit(without(chain, gone), there[i]):
                # how much less of a count would do is a question for what is there but for that
                if one.asked is not Asked.COUNT or not gone or one.least == 1:
                    yield replace(one, gone=gone)
    last = max(there[-1])
    yield from _of_whole(chain, last)
    if len(there) <= MOST_UNITS:
        yield from _pairs(chain, there, last)


def _pairs(chain: Chain, there: tuple[frozenset[int], ...], last: int) -> Iterator[Weaker]:
    """Those that do not ask for two things, of two steps, or of one and the whole."""
    for i, unit in enumerate(there):
        for one in _of_unit(chain, unit):
            if one.asked in PLAIN:
                others = [two for later in there[i + 1 :] for two in _of_unit(one.chain, later)]
                others += _of_whole(one.chain, last)
                yield from (replace(two, also=one) for two in others if two.asked in PLAIN)


def _of_whole(chain: Chain, last: int) -> Iterator[Weaker]:
    """Those that ask less of all their steps together."""
    # where nothing must happen until the window is over, a longer one is no weaker
    trails = isinstance(chain.positions[-1].element, model.Absent)
    if chain.within is not None and len(units(chain)) > 1 and not trails:
        yield Weaker(chain=replace(chain, within=chain.within * LONGER), step=last, asked=Asked.WINDOW, what="within")
    for i, exclusion in enumerate(chain.exceptions):
        fewer = replace(chain, exceptions=(*chain.exceptions[:i], *chain.exceptions[i + 1 :]))
        yield Weaker(
            chain=fewer,
            step=last,
            asked=Asked.EXCEPTION,
            what=condition_text(exclusion.when),
            condition=exclusion.when,
            reason=exclusion.reason,
        )
    if chain.until is not None:
        broken = frozenset({chain.until.number})
        whole = replace(chain, until=None)
        yield Weaker(chain=whole, step=last, asked=Asked.UNTIL, what=chain.until.title, broken=broken)


def _of_unit(chain: Chain, unit: frozenset[int]) -> Iterator[Weaker]:
    """Those that ask less of one part of a chain."""
    for at, position in enumerate(chain.positions):
        if isinstance(position.element, model.Absent) or not unit & set(positive(position.element)):
            continue
        number = min(unit)
        yield from _of_hop(chain, at, number)
        yield from _absences(chain, at, number)
        for change in _changes(position.element, unit):
            yield change(chain, at)


def _at(chain: Chain, at: int, position: Position) -> Chain:
    return replace(chain, positions=(*chain.positions[:at], position, *chain.positions[at + 1 :]))


def _of_hop(chain: Chain, at: int, number: int) -> Iterator[Weaker]:
    position = chain.positions[at]
    hop = position.hop
    if hop is None:
        return
    steps, in_any_order = frozenset(positive(position.element)), isinstance(position.element, model.All)
    if hop.most is not None:
        later = _at(chain, at, replace(position, hop=replace(hop, most=None)))
        weaker = Weaker(chain=later, step=number, asked=Asked.LATEST, what=hop.arrow, hop=hop)
        yield replace(weaker, steps=steps, in_any_order=in_any_order)
    if hop.least is not None:
        earlier = _at(chain, at, replace(position, hop=replace(hop, least=None)))
        weaker = Weaker(chain=earlier, step=number, asked=Asked.EARLIEST, what=hop.arrow, hop=hop)
        yield replace(weaker, steps=steps, in_any_order=in_any_order)
    is_linked = any(part.links for step in model.steps(position.element) for part in step.parts)
    if hop.arrow in CAUSAL and not is_linked:
        loose = _at(chain, at, replace(position, hop=replace(hop, arrow="~>")))
        yield Weaker(chain=loose, step=number, asked=Asked.LINK, what=hop.arrow)


def _absences(chain: Chain, at: int, number: int) -> Iterator[Weaker]:
    """Without one of the absences before a position, or after the last."""
    positions = chain.positions
    places = []
    for i in range(at - 1, -1, -1):
        if not isinstance(positions[i].element, model.Absent):
            break
        places.append(i)
    if all(isinstance(p.element, model.Absent | model.Optional) for p in positions[at + 1 :]):
        places += [i for i in range(at + 1, len(positions)) if isinstance(positions[i].element, model.Absent)]
    for i in sorted(places):
        left = [*positions[:i], *positions[i + 1 :]]
        if i == 0:
            left[0] = replace(left[0], hop=None)
        absent = list(model.steps(positions[i].element))
        fewer = replace(chain, positions=tuple(left))
        broken = frozenset(step.number for step in absent)
        yield Weaker(chain=fewer, step=number, asked=Asked.ABSENCE, what=absent[0].title, broken=broken)


# -- inside an element ----------------------------------------

_Change = Callable[[Chain, int], Weaker]


def _changes(element: Element, unit: frozenset[int]) -> Iterator[_Change]:
    """What can be asked less of inside an element: each as a function from a chain and a place to the weaker chain."""

    def made(changed: Element, weaker: Weaker, loose: bool = False) -> _Change:
        def make(chain: Chain, at: int) -> Weaker:
            position = chain.positions[at]
            hop = position.hop
            if loose and hop is not None and hop.arrow in CAUSAL:
                hop = replace(hop, arrow="~>")
            return replace(weaker, chain=_at(chain, at, replace(position, element=changed, hop=hop)))

        return make

    for changed, weaker, loose in _inside(element, unit):
        yield made(changed, weaker, loose)


_Found = tuple[Element, Weaker, bool]


def _inside(element: Element, unit: frozenset[int]) -> Iterator[_Found]:
    nothing = model.Chain(name="", positions=(), within=None)
    match element:
        case Step():
            if element.number in unit:
                yield from _of_step(element, nothing)
            return
        case model.All() | model.Either():
            for i, (hop, member) in enumerate(element.members):
                for changed, weaker, loose in _inside(member, unit):
                    own = replace(hop, arrow="~>") if loose and hop is not None and hop.arrow in CAUSAL else hop
                    members_ = (*element.members[:i], (own, changed), *element.members[i + 1 :])
                    yield replace(element, members=members_), weaker, loose and isinstance(element, model.Either)
            return
        case model.WithoutPrior():
            number = min(positive(element))
            what, broken = element.prior.title, frozenset({element.prior.number})
            weaker = Weaker(chain=nothing, step=number, asked=Asked.PRIOR, what=what, broken=broken)
            yield element.element, weaker, False
        case model.Counted() | model.Repeat():
            yield from _fewer(element, nothing)
    for changed, weaker, loose in _inside(element.element, unit):
        yield replace(element, element=changed), weaker, loose


def _fewer(element: model.Counted | model.Repeat, nothing: Chain) -> Iterator[_Found]:
    """Those that ask for less of a count that has to be reached."""
    number = min(positive(element))
    if isinstance(element, model.Repeat):
        for least in _below(element.least):
            weaker = Weaker(chain=nothing, step=number, asked=Asked.COUNT, what="count", least=least)
            yield replace(element, least=least), weaker, False
        return
    for i, measure in enumerate(element.measures):
        bound = measure.bound
        if not isinstance(bound, model.Literal) or not isinstance(bound.value, int) or measure.op not in (">", ">="):
            continue
        for least in _below(bound.value + (measure.op == ">")):
            value = least - (measure.op == ">")
            less = msgspec.structs.replace(measure, bound=replace(bound, value=value))
            measures = (*element.measures[:i], less, *element.measures[i + 1 :])
            weaker = Weaker(chain=nothing, step=number, asked=Asked.COUNT, what=measure.function, least=least)
            yield replace(element, measures=measures), weaker, False


def _below(least: int) -> list[int]:
    found = list(range(least - 1, max(least - 1 - FEWER, 0), -1))
    return [*found, 1] if found and found[-1] > 1 else found


def _of_step(step: Step, nothing: Chain) -> Iterator[_Found]:
    number = step.number

    def one(asked: Asked, what: str) -> Weaker:
        return Weaker(chain=nothing, step=number, asked=asked, what=what)

    for i, j, argument in arguments(step):
        part = step.parts[i]
        fewer = replace(part, arguments=(*part.arguments[:j], *part.arguments[j + 1 :]))
        is_link = isinstance(argument.pattern, model.FromCapture)
        what = _argument(argument)
        weaker = one(Asked.LINK, what.replace("`", "")) if is_link else one(Asked.WORDS, what)
        weaker = replace(weaker, argument=argument)
        yield _with(step, i, fewer), weaker, False
    for i, part in enumerate(step.parts):
        for j, link in enumerate(part.links):
            left = (*part.links[:j], *part.links[j + 1 :])
            what = f"{link.word} {link.capture}"
            if link.word == "by":
                under = replace(part, links=(*part.links[:j], replace(link, word="under"), *part.links[j + 1 :]))
                yield _with(step, i, under), one(Asked.DEPTH, what), False
            yield _with(step, i, replace(part, links=left)), one(Asked.LINK, what), True
        for condition, left_ in _conditions(part.where):
            weaker = replace(one(Asked.CONDITION, condition_text(condition)), condition=condition)
            yield _with(step, i, replace(part, where=left_)), weaker, False
    for condition, left_ in _conditions(step.where):
        weaker = replace(one(Asked.CONDITION, condition_text(condition)), condition=condition)
        yield replace(step, where=left_), weaker, False
    for i, exclusion in enumerate(step.exceptions):
        exceptions = (*step.exceptions[:i], *step.exceptions[i + 1 :])
        weaker = replace(one(Asked.EXCEPTION, condition_text(exclusion.when)), reason=exclusion.reason)
        yield replace(step, exceptions=exceptions), weaker, False


def _with(step: Step, i: int, part: model.Part) -> Step:
    return replace(step, parts=(*step.parts[:i], part, *step.parts[i + 1 :]))


def _conditions(where: Expression | None) -> Iterator[tuple[Expression, Expression | None]]:
    there = members(where, "and") if where is not None else []
    for i, one in enumerate(there):
        yield one, together([*there[:i], *there[i + 1 :]])


def _argument(argument: Argument) -> str:
    return (f"{argument.name}: " if argument.name else "") + words_text(argument.pattern)
