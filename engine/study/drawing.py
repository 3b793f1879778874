"""An automaton as a graph: for GraphViz, and for whoever wants to ask networkx about it.

networkx rather than a graph of our own, since reachability, layers and every drawing tool come with it; the few lines
of DOT are written here, because networkx's writer needs a GraphViz library.
"""

from typing import Any

import networkx as nx
from chainrun.dsl.model import Measure

from ..match.automaton import Absence, Automaton, Count, Edge, Join, Trailing
from ..report.duration import short
from .prose import condition_text

START = "start"


def to_graph(automaton: Automaton) -> "nx.MultiDiGraph[Any]":
    """States as nodes (`start` and their numbers), one edge for each way; attributes `title`, `final`, `label`."""
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(name=f"{automaton.analytic}/{automaton.chain.name}")
    graph.add_node(START, title="", final=False)
    for state in automaton.states:
        title = "\n".join([state.title, *map(_lasting, state.trailing)])
        graph.add_node(state.number, title=title, final=state.final)
        for edge in state.edges:
            source = START if edge.source is None else edge.source
            graph.add_edge(source, state.number, label=_label(edge), optional=edge.optional, loose=edge.loose)
    return graph


def to_dot(automaton: Automaton) -> str:
    """The automaton in GraphViz' language: `chainrun explain --dot x.chain | dot -Tsvg`."""
    graph = to_graph(automaton)
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans"];',
        '  edge [fontname="sans", fontsize=10];',
        f"  {START} [shape=point];",
    ]
    for node, data in graph.nodes(data=True):
        if node != START:
            shape = ", peripheries=2" if data["final"] else ""
            lines.append(f"  s{node} [label={_quoted(data['title'])}{shape}];")
    for source, target, data in graph.edges(data=True):
        style = ", style=dotted" if data["loose"] else ", style=dashed" if data["optional"] else ""
        begin = source if source == START else f"s{source}"
        lines.append(f"  {begin} -> s{target} [label={_quoted(data['label'])}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label(edge: Edge) -> str:
    """What an edge asks: its joins, the limits of its hop, its count, and what must not have happened."""
    parts = [_join(join) for join in edge.joins]
    if edge.nobody is not None:
        parts.append(f"nobody known for {edge.nobody.slot}")
    if edge.least is not None:
        parts.append(f"at least {short(edge.least)}")
    if edge.most is not None:
        parts.append(f"at most {short(edge.most)}")
    for slot, least, most in edge.since:
        parts += [f"at least {short(least)} after {slot}"] if least else []
        parts += [f"at most {short(most)} after {slot}"] if most is not None else []
    if edge.reach is not None:
        parts.append(f"at most {short(edge.reach)} after the start")
    if edge.count is not None:
        parts.append(_count(edge.count))
    parts += [_absence(absence) for absence in edge.absent]
    parts += [f"{_absence(absence)} in {short(absence.limit or 0)} before" for absence in edge.prior]
    return "\n".join(parts)


def _join(join: Join) -> str:
    return f"{join.how} {join.slot}{f' = {join.field}' if join.field else ''}"


def _absence(absence: Absence) -> str:
    joins = f" ({', '.join(map(_join, absence.joins))})" if absence.joins else ""
    return f"{'until' if absence.certain else 'no'} {absence.step.title or absence.step.kind}{joins}"


def _lasting(trailing: Trailing) -> str:
    """What must not come after a final state."""
    lasts = "" if trailing.most is None else f" for {short(trailing.most)}"
    return f"then {_absence(trailing.absence)}{lasts}"


def _count(count: Count) -> str:
    measures = ", ".join(map(_measure, count.measures))
    by = f" by {', '.join(field.name for field in count.by)}" if count.by else ""
    if count.within is not None:
        return f"{measures} in {short(count.within)}{by}"
    return f"{measures} every {short(count.shortest or 0)}..{short(count.longest or 0)}{by}"


def _measure(measure: Measure) -> str:
    subject = f" {condition_text(measure.subject)}" if measure.subject is not None else ""
    return f"{measure.function}{subject} {measure.op} {condition_text(measure.bound)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
