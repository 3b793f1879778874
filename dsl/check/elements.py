"""What stands at one position of a chain: steps, groups, alternatives, repetitions, counts, absences.

`!`, `&`, `as`, `without prior`, repetition and counting take steps or alternatives of steps, however nested; `as`,
`without prior` and `?` also what is repeated or counted, `&` what is counted. What may stand in what is one table here;
everything else that could be wrong with an element is in the function of its name.
"""

from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.printer import print_step
from chainrun.dsl.types import ValueType

from . import steps, values
from .conditions import condition, typed
from .operands import NUMBERS, path
from .scope import Place, Scope

MOST_MEMBERS = 4
MOST_REPETITIONS = 100  # that must be there: each is a place of its own in the automaton
MOST_BEATS = 1000  # of a cadence
WHOLE = frozenset({"process", "user", "host"})  # what a count may be kept by besides fields

# What each form may hold, besides parentheses.
_HOLDS: dict[type[tree.Node], tuple[type[tree.Node], ...]] = {
    tree.Absent: (tree.Step, tree.Captured, tree.Either),
    tree.Optional: (tree.Step, tree.Captured, tree.Either, tree.Repeat, tree.Counted, tree.WithoutPrior),
    tree.Repeat: (tree.Step, tree.Captured, tree.Either),
    tree.Counted: (tree.Step, tree.Captured, tree.Either),
    tree.WithoutPrior: (tree.Step, tree.Captured, tree.Either, tree.Repeat, tree.Counted),
    tree.Captured: (tree.Step, tree.Either, tree.Repeat, tree.Counted, tree.Optional, tree.WithoutPrior),
    tree.All: (tree.Step, tree.Captured, tree.Either, tree.Counted, tree.WithoutPrior),
    tree.Either: (tree.Step, tree.Captured, tree.Either, tree.All, tree.Repeat, tree.Counted, tree.WithoutPrior),
}
# What they may hold inside of an alternative: `(A{3} | B)` can stand alone, and cannot be repeated or absent.
_BRANCHES: dict[type[tree.Node], tuple[type[tree.Node], ...]] = {
    tree.Absent: (tree.Step, tree.Captured, tree.Either),
    tree.Repeat: (tree.Step, tree.Captured, tree.Either),
    tree.Counted: (tree.Step, tree.Captured, tree.Either),
    tree.WithoutPrior: (tree.Step, tree.Captured, tree.Either),
    tree.Captured: (tree.Step, tree.Captured, tree.Either, tree.WithoutPrior),
    tree.All: (tree.Step, tree.Captured, tree.Either, tree.WithoutPrior),
}
_NAMES: dict[type[tree.Node], str] = {
    tree.Absent: "an absence",
    tree.Optional: "an optional step",
    tree.Repeat: "a repetition",
    tree.Counted: "a counted step",
    tree.WithoutPrior: "a step `without prior`",
    tree.Captured: "a captured step",
    tree.All: "a group joined by `&`",
    tree.Either: "an alternative",
}
_TAKES: dict[type[tree.Node], str] = {
    tree.Absent: "`!`",
    tree.Optional: "`?`",
    tree.Repeat: "repetition",
    tree.Counted: "counting",
    tree.WithoutPrior: "`without prior`",
    tree.Captured: "`as`",
    tree.All: "`&`",
    tree.Either: "`|`",
}
_FITS: dict[type[tree.Node], str] = {
    tree.All: "a step, an alternative of steps or a counted step stands here",
    tree.Either: "",
}


def _pointless(node: tree.Measure, bound: object) -> str:
    """Why a constant bound always holds or never can; nothing where it decides something."""
    if not isinstance(bound, int | float) or node.function == "sum":
        return ""
    if node.function == "share":
        match node.op:
            case ">":
                always, never = bound < 0, bound >= 1
            case ">=":
                always, never = bound <= 0, bound > 1
            case "<":
                always, never = bound > 1, bound <= 0
            case _:
                always, never = bound >= 1, bound < 0
        return "every share is so" if always else "no share is: it lies between 0% and 100%" if never else ""
    least = bound if node.op == ">=" else bound + 1
    return "so many there always are: count from 1" if least < 1 else ""


def _misfit(
    node: tree.Element, outer: type[tree.Node], allowed: tuple[type[tree.Node], ...]
) -> tuple[type[tree.Node], tree.Element] | None:
    """The first form inside an element that the form around it cannot hold, with the one that cannot hold it."""
    while isinstance(node, tree.Group):
        node = node.element
    if not isinstance(node, allowed):
        return outer, node
    if isinstance(node, tree.Captured):
        inner: tuple[type[tree.Node], ...] = (tree.Step, *(form for form in allowed if form is not tree.Captured))
        return _misfit(node.element, outer, inner)
    if isinstance(node, tree.Either) and outer in _BRANCHES:
        found = (_misfit(m.element, outer, _BRANCHES[outer]) for m in node.members)
        return next((wrong for wrong in found if wrong is not None), None)
    return None


class Elements:
    """Builds the elements of one chain; holds the number of the last step."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._number = 0

    def step(self, node: tree.Step, scope: Scope, capture: str | None = None) -> model.Step | None:
        """The next step of the chain."""
        self._number += 1
        return steps.step(node, scope, self._number, print_step(node), capture)

    def _limit(self, node: tree.Expression) -> int | None:
        return self.scope.parameters.limit(node, self.scope.faults)

    def hop(self, node: tree.Hop | None) -> model.Hop | None:
        """An arrow with its limits; a limit that is faulty is left out."""
        if node is None:
            return None
        least = self._limit(node.least) if node.least is not None else None
        most = self._limit(node.most) if node.most is not None else None
        if least is not None and most is not None and least > most:
            self.scope.faults.error(
                "C304",
                "the least time of this arrow is longer than the most",
                node.span,
                "no event can be in between",
                helps=("`[10s..5m]`: at least 10 s and at most 5 min after",),
            )
            least = None
        return model.Hop(arrow=node.arrow, least=least, most=most, span=node.span)

    def element(self, node: tree.Element, place: Place, capture: str | None = None) -> model.Element | None:
        """What the element means; None after a reported fault."""
        if isinstance(node, tree.Group):
            return self.element(node.element, place, capture)
        if not isinstance(node, tree.Step) and not self._may_hold(node):
            return None
        match node:
            case tree.Step():
                return self.step(node, self.scope.at(place), capture)
            case tree.Captured():
                return self.element(node.element, place, node.name.text)
            case tree.Optional():
                inner = self.element(node.element, place, capture)
                return model.Optional(element=inner, span=node.span) if inner else None
            case tree.Absent():
                inner = self.element(node.element, place)
                return model.Absent(element=inner, span=node.span) if inner else None
            case tree.Repeat():
                return self._repeat(node, place, capture)
            case tree.Counted():
                return self._counted(node, place, capture)
            case tree.WithoutPrior():
                return self._without_prior(node, place, capture)
            case tree.All() | tree.Either():
                return self._members(node, place, capture)

    def _may_hold(self, node: tree.Element) -> bool:
        assert not isinstance(node, tree.Step)
        held = [m.element for m in node.members] if isinstance(node, tree.All | tree.Either) else [node.element]
        for inner in held:
            wrong = _misfit(inner, type(node), _HOLDS[type(node)])
            if wrong is not None:
                outer, odd = wrong
                self.scope.faults.error(
                    "C307",
                    f"{_TAKES[outer]} cannot be put on {_NAMES[type(odd)]}",
                    odd.span,
                    _FITS.get(outer, "one step, or an alternative of steps, stands here"),
                    also=(Label(node.span, f"{_TAKES[outer]} takes all of this"),) if odd is not inner else (),
                    helps=("`!` stands alone between arrows: `A -> !B -> C`",) if isinstance(odd, tree.Absent) else (),
                )
                return False
        return True

    def _members(self, node: tree.All | tree.Either, place: Place, capture: str | None) -> model.Element | None:
        word = "all" if isinstance(node, tree.All) else "either"
        if word == "all" and len(node.members) > MOST_MEMBERS:
            self.scope.faults.error(
                "C310",
                f"a group has at most {MOST_MEMBERS} members, and this has {len(node.members)}",
                node.span,
                notes=("every order of them has to be kept in mind",),
            )
        members = [
            (self.hop(member.arrow), self.element(member.element, (*place, (word, number))))
            for number, member in enumerate(node.members)
        ]
        whole = tuple((hop, inner) for hop, inner in members if inner is not None)
        if len(whole) < len(members):
            return None
        if isinstance(node, tree.All):
            return model.All(members=whole, span=node.span)
        return model.Either(members=whole, capture=capture, span=node.span)

    # -- repetition ----------------------------------------

    def _repeat(self, node: tree.Repeat, place: Place, capture: str | None) -> model.Element | None:
        inner = self.element(node.element, place)
        least = self._bound(node.least)
        most = least if node.exact else self._bound(node.most) if node.most is not None else None
        if inner is None or least is None or (most is None and node.most is not None):
            return None
        if most is not None and most < least:
            assert node.most is not None
            self.scope.faults.error(
                "C306",
                f"at least {least} and at most {most} cannot be",
                node.least.span.to(node.most.span),
                "the lower bound comes first",
            )
            return None
        if least > MOST_REPETITIONS:
            self.scope.faults.error(
                "C306",
                f"{least} repetitions, and at most {MOST_REPETITIONS} can be asked for",
                node.least.span,
                "so many events are counted in a window",
                helps=(f"`{{>= {least} in 1h}}`, with the window that is meant",),
            )
            return None
        return model.Repeat(element=inner, least=least, most=most, capture=capture, span=node.span)

    def _bound(self, node: tree.Expression) -> int | None:
        found = typed(node, self.scope)
        if found is None:
            return None
        number = found.value.value if isinstance(found.value, model.Literal) else None
        if found.type is not ValueType.NUMBER or not isinstance(number, int) or number < 1:
            self.scope.faults.error("C306", "a repetition is counted in whole numbers from 1", node.span)
            return None
        return number

    # -- counting ----------------------------------------

    def _counted(self, node: tree.Counted, place: Place, capture: str | None) -> model.Element | None:
        inner = self.element(node.element, place)
        scope = self.scope.at(place)
        measures = [self._measure(m, scope) for m in node.measures]
        if node.cadence is not None and all(measures) and not self._is_beat(node, measures):
            return None
        within = self._limit(node.within) if node.within is not None else None
        every, tolerance, longest = (
            self._limit(x) if x is not None else None
            for x in (
                (node.cadence.every, node.cadence.tolerance, node.cadence.longest)
                if node.cadence is not None
                else (None, None, None)
            )
        )
        if every is not None and longest is not None and every > longest:
            assert node.cadence is not None
            self.scope.faults.error("C304", "the shorter interval comes first", node.cadence.span)
            return None
        if every is not None and tolerance is not None and tolerance >= every:
            assert node.cadence is not None
            self.scope.faults.error(
                "C304", "a tolerance as long as the interval itself takes any interval", node.cadence.span
            )
            return None
        by = tuple(field for b in node.by if (field := self._key(b, scope)) is not None)
        whole = len(by) == len(node.by) and (within is not None or every is not None)
        if inner is None or not whole or not all(measures):
            return None
        return model.Counted(
            element=inner,
            measures=tuple(m for m in measures if m is not None),
            within=within,
            every=every,
            tolerance=tolerance,
            longest=longest,
            by=by,
            capture=capture,
            span=node.span,
        )

    def _is_beat(self, node: tree.Counted, measures: list[model.Measure | None]) -> bool:
        """Whether a cadence has the one measure that it can have: a plain, constant number of events."""
        odd = next((m for m in node.measures if m.function != "count" or m.subject is not None), None)
        if odd is None and len(node.measures) > 1:
            odd = node.measures[1]
        if odd is not None:
            message = "a cadence has one measure: how many events there are"
            self.scope.faults.error("C306", message, odd.span, helps=("`{>= 6 every 10m +- 1m}`",))
            return False
        (measure,) = measures
        number = measure.bound.value if measure is not None and isinstance(measure.bound, model.Literal) else None
        least = number + (node.measures[0].op == ">") if isinstance(number, int) else 0
        if 2 <= least <= MOST_BEATS:
            return True
        message = f"a cadence takes from 2 to {MOST_BEATS} events"
        mark = "this is no constant number" if not isinstance(number, int) else "one event has no interval"
        mark = f"these are {least}" if least > MOST_BEATS else mark
        self.scope.faults.error("C306", message, node.measures[0].bound.span, mark)
        return False

    def _key(self, node: tree.Path, scope: Scope) -> model.Field | None:
        """What a count is kept by: a field of the counted events, or who or where as a whole."""
        if len(node.parts) == 1 and node.parts[0] in WHOLE:
            return model.Field(name=node.parts[0], type=ValueType.ENTITY, span=node.span)
        found = path(node, scope)
        if found is not None and found.many:
            self.scope.faults.error(
                "C405", f"`{'.'.join(node.parts)}` is a list, and a count is kept by one value", node.span
            )
            return None
        if found is not None and not isinstance(found.value, model.Field):
            self.scope.faults.error("C405", "a count is kept by fields of the counted events", node.span)
            return None
        return found.value if found is not None and isinstance(found.value, model.Field) else None

    def _measure(self, node: tree.Measure, scope: Scope) -> model.Measure | None:
        subject: model.Expression | None = None
        type_: ValueType | None = ValueType.NUMBER
        if node.subject is not None and node.function in ("count", "share"):
            subject = condition(node.subject, scope)
            type_ = ValueType.PERCENTAGE if node.function == "share" else type_
        elif node.subject is not None:
            found = typed(node.subject, scope)
            subject = found.value if found is not None else None
            if found is not None and node.function == "sum":
                type_ = found.type
                if found.type not in (*NUMBERS, ValueType.DURATION, None):
                    self.scope.faults.error("C404", f"`sum` adds numbers, and this is {found.noun}", node.subject.span)
                    return None
        bound = typed(node.bound, scope)
        if bound is None or (node.subject is not None and subject is None):
            return None
        if node.op not in ((">", ">=", "<", "<=") if node.function == "share" else (">", ">=")):
            self.scope.faults.error(
                "C306",
                f"`{node.function}` is compared with `>` or `>=`",
                node.span,
                "a count that must stay low is an absence",
                helps=("`!` says that something did not happen",),
            )
            return None
        agree = type_ is None or bound.type is type_ or {bound.type, type_} == {ValueType.NUMBER, ValueType.BYTES}
        if not agree:
            wanted = values.NOUNS[type_] if type_ else ""
            self.scope.faults.error(
                "C407", f"`{node.function}` is compared with {wanted}, and this is {bound.noun}", node.bound.span,
                helps=("as in `40%`",) if type_ is ValueType.PERCENTAGE else (),
            )  # fmt: skip
            return None
        if isinstance(bound.value, model.Literal) and (mark := _pointless(node, bound.value.value)):
            self.scope.faults.error("C306", "a bound that decides nothing", node.bound.span, mark)
            return None
        return model.Measure(node.function, subject, node.op, bound.value)

    # -- without prior ----------------------------------------

    def _without_prior(self, node: tree.WithoutPrior, place: Place, capture: str | None) -> model.Element | None:
        inner = self.element(node.element, place, capture)
        prior = self.step(node.prior, self.scope.at(place, reads_own=True))
        look_back = self._limit(node.look_back)
        if inner is None or prior is None or look_back is None:
            return None
        return model.WithoutPrior(element=inner, prior=prior, look_back=look_back, span=node.span)
