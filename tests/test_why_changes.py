"""Every change that `why` proposes is true, on random chains and streams: with it the chain matches, with less it does not.

CHAINRUN_WORLDS sets how many worlds are tried (default 600).
"""

import os
from collections.abc import Iterator
from random import Random

import msgspec
import pytest
from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Element, Hop
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.study.why import Why
from chainrun.engine.study.why_follow import Near
from chainrun.engine.study.why_report import Look
from chainrun.engine.study.why_weaker import Asked

from . import worlds

WORLDS = int(os.environ.get("CHAINRUN_WORLDS", "600"))
SLICES = 4


def alerts(analytic: Analytic, chain: Chain, events: list[Event]) -> int:
    only = msgspec.structs.replace(analytic, chains=(chain,))
    return len(list(Engine([only]).run(worlds.again(events))))


def nears(analytic: Analytic, events: list[Event]) -> tuple[int, list[Near]]:
    """How many alerts `why` counts, and the nearest misses of each chain that asks for one thing less."""
    why = Why([analytic], Look(most=1_000))
    engine = Engine(why.analytics)
    follow = why.follow(engine)
    follow.run(worlds.again(events))
    report = why.report(follow)
    return report.chains[0].funnel.alerts, [
        near for trial in why.trials if not trial.weaker.gone for near in trial.near.values()
    ]


def each_world(first: int) -> Iterator[tuple[int, str, Analytic, list[Event]]]:
    for seed in range(first, WORLDS, SLICES):
        text, analytic, events = worlds.world(Random(seed))
        yield seed, text, analytic, events


@pytest.mark.parametrize("slice", range(SLICES))
def test_less_asked_is_enough_and_asked_less_still_is_not(slice: int) -> None:
    tried = 0
    for seed, text, analytic, events in each_world(slice):
        (chain,) = analytic.chains
        told, found = nears(analytic, events)
        assert told == alerts(analytic, chain, events), f"seed {seed}\n{text}"
        if told:
            continue
        of_trial: dict[int, list[Near]] = {}
        for near in found:
            of_trial.setdefault(id(near.weaker), []).append(near)
        for same in of_trial.values():
            weaker = same[0].weaker
            assert alerts(analytic, weaker.chain, events), f"seed {seed}: {weaker.asked}\n{text}"
            if weaker.also is not None or weaker.asked not in (Asked.WINDOW, Asked.LATEST, Asked.EARLIEST):
                continue
            needed = min(near.over for near in same if near.over is not None)
            tried += 1
            assert alerts(analytic, limited(chain, weaker.asked, weaker.hop, needed), events), (
                f"seed {seed}: {weaker.asked} {needed} is not enough\n{text}"
            )
            less = limited(chain, weaker.asked, weaker.hop, needed - 1)
            assert not alerts(analytic, less, events), f"seed {seed}: {weaker.asked} {needed} is too much\n{text}"
    assert tried or WORLDS < 600, "no limit of time was tried"


def limited(chain: Chain, asked: Asked, hop: Hop | None, over: int) -> Chain:
    """The chain with another limit of time; of a least time `over` is negative."""
    if asked is Asked.WINDOW:
        return msgspec.structs.replace(chain, within=over)
    assert hop is not None
    name, value = ("most", over) if asked is Asked.LATEST else ("least", -over)
    changed = msgspec.structs.replace(hop, **{name: value})
    return msgspec.structs.replace(
        chain,
        positions=tuple(
            msgspec.structs.replace(
                p,
                hop=changed if p.hop == hop and p.hop.span == hop.span else p.hop,
                element=_inside(p.element, hop, changed),
            )
            for p in chain.positions
        ),
    )


def _inside(element: Element, hop: Hop, changed: Hop) -> Element:
    match element:
        case model.All() | model.Either():
            members = tuple(
                (changed if own is not None and own.span == hop.span else own, _inside(member, hop, changed))
                for own, member in element.members
            )
            return msgspec.structs.replace(element, members=members)
    return element
