"""How far did a chain get, and why did it stop? The longest partial matches in telemetry, and what each lacked.

    why = Why(analytics, Look(host="ws-017"))
    run = Run(why.analytics, inputs)            # one pass, in which all weaker chains run beside the chain
    follow = why.follow(run.engine)
    follow.run(run.events())
    for chain in why.report(follow).chains: ...

A near miss is a match of a weaker chain (`why_weaker`): of the chain without some of its steps, which tells how far it
got, and of the chain that asks a little less, which tells what stopped it. Those that tell of the same processes in the
same places are one. What is part of a longer one, or of an alert, is left out. Called by `chainrun why`.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

import msgspec
from chainrun.dsl import tree
from chainrun.dsl.loader import read
from chainrun.dsl.model import Analytic, Chain
from chainrun.dsl.parser import parse

from ..engine import Engine
from ..match.automaton import SCOPES
from ..match.conditions import reads
from ..match.groups import Node
from ..report.alert import stamp
from ..report.funnel import funnels
from ..report.phrase import phrase
from ..report.roles import roles
from .why_broken import breakers, broken_by
from .why_change import Change, Named, change, holds, is_about_parent, is_unknown, named
from .why_follow import MOST_OTHERS, Follow, Near, Sighting, Trial
from .why_partial import units
from .why_report import ChainWhy, Look, Matched, Miss, Missing, Place, Report, Stop
from .why_weaker import Asked, Weaker, weaker

MOST_OTHER_HOSTS = 5  # that are named where one is looked for that is not there

Who = tuple[tuple[int, Hashable], ...]


class _Found:
    """What is known of one partial match while it is put together."""

    def __init__(self, near: Near, missing: frozenset[int], count: int) -> None:
        self.near = near
        self.missing = missing
        self.count = count  # of parts that are missing
        self.stops: list[Near] = []
        self.is_whole = False  # all else is there

    def settle(self) -> None:
        """Keep of what stopped it the plainest that are enough: one thing, two together, or one for each step that is
        missing, were the others not."""
        for enough in (
            [near for near in self.stops if not near.weaker.gone and near.weaker.also is None],
            [near for near in self.stops if near.weaker.also is not None],
        ):
            if enough:
                self.stops, self.is_whole = enough, True
                break
        self.stops.sort(key=_nearness)

    @property
    def is_together(self) -> bool:
        """Whether it takes two changes."""
        return self.is_whole and self.stops[0].weaker.also is not None


class _Longer:
    """Partial matches that others may be a part of."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[Hashable, int, Hashable], list[set[tuple[int, Hashable]]]] = {}

    def add(self, scope: Hashable, who: Who) -> None:
        whole = set(who)
        for step, entity in who:
            self._by_place.setdefault((scope, step, entity), []).append(whole)

    def hold(self, scope: Hashable, who: Who) -> bool:
        """Whether one has the same in all these places."""
        step, entity = who[-1] if who else (0, None)
        return any(whole.issuperset(who) for whole in self._by_place.get((scope, step, entity), ()))


class Why:
    """Looks for the near misses of chains. `files`: the analytics as written, by their ids, for the names of limits."""

    def __init__(
        self, analytics: Sequence[Analytic], look: Look | None = None, files: Mapping[str, tree.File] | None = None
    ) -> None:
        self.look = look or Look()
        self.files = files or {}
        self.chains = [(analytic, chain) for analytic in analytics for chain in analytic.chains]
        self.trials = [
            Trial(analytic, number, one)
            for number, (analytic, chain) in enumerate(self.chains)
            for one in (*weaker(chain), *breakers(chain))
        ]
        # one chain an analytic, so that the engine keeps whatever memory any of them asks for
        self.analytics = tuple(msgspec.structs.replace(t.analytic, chains=(t.weaker.chain,)) for t in self.trials)

    @property
    def steps(self) -> int:
        """The number of the last step of the longest chain."""
        return max((number for _, chain in self.chains for number in roles(chain)), default=0)

    def follow(self, engine: Engine) -> Follow:
        """What is to be shown the events, given an engine of `analytics`."""
        return Follow(self.trials, engine, self._is_wanted, self.look.entities)

    def _is_wanted(self, nodes: list[Node]) -> bool:
        look = self.look
        if look.host is not None and all(node.event.host != look.host for node in nodes):
            return False
        return all(any(entity.fits(node.event, node.process) for node in nodes) for entity in look.entities)

    def report(self, follow: Follow, formats: Iterable[str] | None = None) -> Report:
        """What was found, once all events have been shown."""
        told = funnels(follow.engine, {}, formats)
        chains = []
        for number, (_, chain) in enumerate(self.chains):
            trials = [t for t in self.trials if t.chain == number]
            base = self.trials.index(trials[0])
            funnel = msgspec.structs.replace(told[base], alerts=follow.alerts.get(base, 0))
            found = sorted(self._found(trials, chain), key=_rank)
            if self.look.step is not None:
                found = [one for one in found if self.look.step in one.missing]
            longest = max((len(one.near.sightings) for one in found), default=0)
            # what is but one event long says nothing beside what is longer
            found = [one for one in found if len(_who(one.near, one.missing)) > 1 or longest <= 1]
            misses = tuple(self._miss(one, number, base, follow) for one in found[: self.look.most])
            chains.append(ChainWhy(funnel, misses, max(len(found) - self.look.most, 0)))
        look = self.look
        hosts = tuple(sorted(follow.hosts)) if look.host is not None and look.host not in follow.hosts else ()
        unseen = [f"host {look.host}"] if hosts else []
        unseen += [f"{one.attribute}={one.value}" for one in look.entities if one not in follow.fits]
        return Report(
            tuple(chains), follow.starts, follow.linked, follow.events, tuple(unseen), hosts[:MOST_OTHER_HOSTS]
        )

    def _found(self, trials: list[Trial], chain: Chain) -> Iterator[_Found]:
        """The partial matches, each once, without those that are a part of a longer one."""
        parts = units(chain)
        found: dict[tuple[Hashable, frozenset[int], Who], _Found] = {}
        for trial in sorted(trials, key=lambda t: t.weaker.asked is not Asked.NOTHING):
            of = trial.weaker
            if of.is_breaker:
                continue
            for near in trial.near.values():
                at_fault = {near.step} if of.asked is not Asked.NOTHING else set()
                at_fault |= {of.also.step} if of.also is not None else set()
                missing = of.gone.union(*(unit for unit in parts if unit & at_fault))
                place = near.scope, missing, _who(near, missing)
                one = found.setdefault(place, _Found(near, missing, sum(bool(unit & missing) for unit in parts)))
                if of.asked is not Asked.NOTHING:
                    one.stops.append(near)
        for one in found.values():
            one.settle()
        alerts, told = _Longer(), _Longer()
        for (scope, missing, who), one in sorted(found.items(), key=lambda item: _breadth(item[1])):
            wholes = [_who(near, frozenset()) for near in one.stops] if one.is_whole else [who]
            if not missing:
                alerts.add(scope, who)
            elif not alerts.hold(scope, who) and not told.hold(scope, wholes[0]):
                for whole in wholes:
                    told.add(scope, whole)
                yield one

    def _miss(self, one: _Found, number: int, base: int, follow: Follow) -> Miss:
        analytic, chain = self.chains[number]
        names = named(self.files.get(analytic.id), chain)
        automaton = follow.engine.running[base].automaton
        steps = {step.number: step for step in automaton.steps}
        stops = one.stops[:1] if one.is_together else one.stops
        shown = stops[0] if one.is_whole else one.near
        sightings = {n: s for n, s in shown.sightings.items() if n not in one.missing}
        host = next((s.event.host for s in sightings.values()), "")
        matched = tuple(Matched(n, s.step.capture or s.step.kind, place(s)) for n, s in sorted(sightings.items()))
        breaks = [near for t in self.trials if t.chain == number and t.weaker.is_breaker for near in t.near.values()]
        missing = []
        for n in sorted(one.missing):
            kinds = {part.base for part in steps[n].parts}
            here = min(follow.kinds.get((kind, host), 0) for kind in kinds)
            each = (
                stop
                for near in stops
                for of, step in _asked(near)
                if step == n
                for stop in _stops(near, of, chain, names, breaks)
            )
            missing.append(
                Missing(
                    n,
                    steps[n].title or steps[n].kind,
                    tuple(_once(each)),
                    here,
                    *_alone(follow, (base, n, host), one.near.at),
                    min(sum(count for (of, _), count in follow.kinds.items() if of == kind) for kind in kinds) - here,
                )
            )
        count = len(units(chain))
        return Miss(_scope(chain, shown), count, count - one.count, one.is_together, matched, tuple(missing))


_ORDER = list(Asked)


def written(analytics: Iterable[Analytic]) -> dict[str, tree.File]:
    """The files of analytics as they are written, by the analytics' ids."""
    return {analytic.id: parse(read(analytic.file)) for analytic in analytics}


def _scope(chain: Chain, near: Near) -> tuple[str, ...]:
    """The values of a chain's scope, as the events have them."""
    event = next(iter(near.sightings.values())).event
    names = (SCOPES.get(field, (field,))[0] for field in chain.scope)
    return tuple(event.host if name == "host" else str(event.fields.get(name, "")) for name in names)


def _who(near: Near, missing: frozenset[int]) -> Who:
    """Who is at each step that matched: the process, or the event itself where there is none."""
    return tuple(
        (number, sighting.process if sighting.process is not None else sighting.event.order)
        for number, sighting in sorted(near.sightings.items())
        if number not in missing
    )


def _alone(follow: Follow, where: tuple[int, int, str], at: int) -> tuple[int, Place | None]:
    """How many events on a host satisfied a step by themselves, and the nearest in time."""
    seen = follow.alone.get(where)
    if seen is None:
        return 0, None
    return seen.count, place(min(seen.examples, key=lambda one: abs(one.event.time - at)))


def _breadth(one: _Found) -> tuple[bool, bool, bool, int]:
    """What may make another a part of it first: alerts, what one change makes one, what two make one, the longest."""
    return bool(one.missing), not one.is_whole, one.is_together, one.count


def _nearness(near: Near) -> tuple[int, int]:
    """The plainest cause first, and of limits the one that is missed by least."""
    return _ORDER.index(near.weaker.asked), abs(near.over or 0)


def _rank(one: _Found) -> tuple[int, bool, int, int, int, int]:
    """Nearest first: by how much has to change, and of what is as far what no more than a change would make a match;
    then the plainest cause, the least time over, the earliest."""
    cause, over = min(map(_nearness, one.stops), default=(len(_ORDER), 0))
    is_near = one.is_whole and one.stops[0].weaker.asked is not Asked.LINK
    also = one.stops[0].weaker.also if one.is_together else None
    far = one.count + (not is_near)
    if also is not None:  # other values at two steps are further off than one that is missing
        far = 2 + (cause >= _ORDER.index(Asked.WORDS) and _ORDER.index(also.asked) >= _ORDER.index(Asked.WORDS))
    last = max((s.event.order for n, s in one.near.sightings.items() if n not in one.missing), default=0)
    return far, not is_near, cause, over, one.near.at, last


def _asked(near: Near) -> Iterator[tuple[Weaker, int]]:
    """What these matches were not asked, each with the step that it is told at."""
    yield near.weaker, near.step
    if near.weaker.also is not None:
        yield near.weaker.also, near.weaker.also.step


def _stops(near: Near, of: Weaker, chain: Chain, names: Named, breaks: Sequence[Near]) -> Iterator[Stop]:
    """What stopped these matches: one for each change that would let some of them match."""
    step = near.step if of is near.weaker else of.step
    at_fault = near.sightings.get(step)
    others = list(near.others.values()) if of is near.weaker else [at_fault] if at_fault is not None else []
    if of.asked in (Asked.WORDS, Asked.CONDITION):
        by_change: dict[tuple[bool, Change | None], list[Sighting]] = {}
        for other in others:
            if holds(of, other):
                continue
            unknown = of.argument is not None and is_unknown(of.argument, other.step, other)
            mend = None if unknown else change(near, of, other, chain, names)
            by_change.setdefault((unknown, mend), []).append(other)
        for (unknown, mend), places in by_change.items():
            yield Stop(
                of.asked,
                of.what,
                len(places),
                at_least=len(others) >= MOST_OTHERS,
                unknown=unknown,
                nearest=place(places[0]),
                change=mend,
            )
        return
    limit = {Asked.WINDOW: chain.within}
    if of.hop is not None:
        limit |= {Asked.LATEST: of.hop.most, Asked.EARLIEST: of.hop.least}
    if of.reason and of.condition is not None:  # told at the last event that it speaks of, wherever that stands
        about = {capture for capture, _ in reads(of.condition)}
        at_fault = next(
            (s for _, s in sorted(near.sightings.items(), reverse=True) if s.step.capture in about), at_fault
        )
    broken = broken_by(of, near, breaks) if of.broken else None
    yield Stop(
        of.asked,
        of.reason or of.what,
        max(len(others), 1),
        at_least=len(others) >= MOST_OTHERS,
        took=abs(near.over) if near.over is not None else None,
        limit=limit.get(of.asked),
        nearest=place(at_fault) if at_fault is not None else None,
        broken=place(broken) if broken is not None else None,
        change=change(near, of, at_fault, chain, names),
    )


def _once(stops: Iterable[Stop]) -> Iterator[Stop]:
    """Of `under` for `by` and no link at all the nearer is told; of counts the largest that is reached."""
    seen: set[tuple[Asked, str]] = set()
    for stop in stops:
        place = (Asked.DEPTH if stop.asked is Asked.LINK else stop.asked), stop.what
        if stop.asked in (Asked.DEPTH, Asked.LINK, Asked.COUNT) and place in seen:
            continue
        seen.add(place)
        yield stop


def place(sighting: Sighting) -> Place:
    """An event as it is told: of an app that what it does shows to be open, the app is told."""
    event, kind, fields = sighting.event, sighting.step.kind, sighting.event.fields
    if is_about_parent(sighting) and sighting.process is not None:
        row = sighting.process
        known = {"process.name": row.name, "process.executable": row.executable, "process.pid": row.pid}
        fields = {name: value for name, value in known.items() if value is not None}
    origin = event.origin
    return Place(stamp(event.time), event.host, phrase(kind, fields), origin.input, origin.line)
