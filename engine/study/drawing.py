"""An automaton as a graph: for GraphViz, and for whoever wants to ask networkx about it.

networkx rather than a graph of our own, since reachability, layers and every drawing tool come with it; the few lines
of DOT are written here, because networkx's writer needs a GraphViz library.
"""

from typing import Any

import networkx as nx

from ..match.automaton import Automaton, Edge
from ..report.duration import short

START = "start"


def to_graph(automaton: Automaton) -> "nx.MultiDiGraph[Any]":
    """States as nodes (`start` and their numbers), one edge for each way; attributes `title`, `final`, `label`."""
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(name=f"{automaton.analytic}/{automaton.chain.name}")
    graph.add_node(START, title="", final=False)
    for state in automaton.states:
        graph.add_node(state.number, title=state.title, final=state.final)
        for edge in state.edges:
            source = START if edge.source is None else edge.source
            graph.add_edge(source, state.number, label=_label(edge), optional=edge.optional)
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
    for layer in nx.topological_generations(graph):
        for node in sorted((n for n in layer if n != START), key=str):
            data = graph.nodes[node]
            shape = ", peripheries=2" if data["final"] else ""
            lines.append(f"  s{node} [label={_quoted(data['title'])}{shape}];")
    for source, target, data in graph.edges(data=True):
        style = ", style=dashed" if data["optional"] else ""
        begin = source if source == START else f"s{source}"
        lines.append(f"  {begin} -> s{target} [label={_quoted(data['label'])}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label(edge: Edge) -> str:
    """What an edge asks: its joins, and the limits of its hop."""
    parts = [f"{j.how} {j.slot}{f' = {j.field}' if j.field else ''}" for j in edge.joins]
    if edge.least is not None:
        parts.append(f"at least {short(edge.least)}")
    if edge.most is not None:
        parts.append(f"at most {short(edge.most)}")
    return "\n".join(parts)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
