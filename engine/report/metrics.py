"""A run in numbers, in Prometheus' text format: what `stats` has, while the run goes on.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Family(NamedTuple):
    """What has one name: a counter, which only ever rises, or a gauge; with a value for each set of labels."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float]]


def families(stats: Mapping[str, Any], now: int | None) -> Iterator[Family]:
    """What `stats.stats` says. `now`: the time of the newest event, in microseconds."""
    lines, inputs = dict(stats["lines"]), stats["inputs"]
    read, further = lines.pop("read"), lines.pop("further")
    yield Family("chainrun_lines_read", "counter", "Lines read.", [({}, read)])
    yield Family("chainrun_further_records", "counter", "Records beyond the first of their line.", [({}, further)])
    yield Family("chainrun_lines", "counter", "What became of lines and further records.", _by("end", lines))
    bad = {cause: found["lines"] for cause, found in stats["bad"].items()}
    yield Family("chainrun_bad_lines", "counter", "Lines that could not be used.", _by("cause", bad))
    yield Family("chainrun_read_bytes", "counter", "Bytes read, as stored.", [({}, inputs["bytes"])])
    yield Family("chainrun_inputs_opened", "counter", "Inputs opened.", [({}, inputs["opened"])])
    yield Family("chainrun_inputs_failed", "counter", "Inputs not read to their end.", [({}, len(inputs["failed"]))])
    yield Family("chainrun_events", "counter", "Events matched.", [({}, stats["events"]["matched"])])
    if now is not None:
        yield Family("chainrun_event_time_seconds", "gauge", "Time of the newest event.", [({}, now / 1e6)])
    chains = [({"analytic": c["analytic"], "chain": c["chain"]}, c) for c in stats["chains"]]
    yield Family("chainrun_alerts", "counter", "Alerts raised.", [(of, c["alerts"]) for of, c in chains])
    ends = [({**of, "end": end}, n) for of, c in chains for end, n in c["groups"].items() if end not in _GAUGES]
    yield Family("chainrun_groups", "counter", "Groups of partial matches, created and ended.", ends)
    opened = [(of, c["groups"]["open"]) for of, c in chains]
    yield Family("chainrun_groups_open", "gauge", "Groups of partial matches that are kept.", opened)
    steps = [({**of, "step": str(s["step"])}, s["in_place"]) for of, c in chains for s in c["steps"]]
    yield Family("chainrun_steps", "counter", "Events that continued a match at a step.", steps)


_GAUGES = frozenset({"open"})


def _by(label: str, counts: Mapping[str, int]) -> list[tuple[Mapping[str, str], float]]:
    return [({label: name}, n) for name, n in counts.items()]


def to_text(found: Iterable[Family]) -> str:
    """The families as a file for Prometheus' node exporter, or whoever scrapes it."""
    rows = []
    for family in found:
        name = f"{family.name}_total" if family.kind == "counter" else family.name
        rows += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
        for labels, value in family.samples:
            shown = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels.items())
            rows.append(f"{name}{f'{{{shown}}}' if shown else ''} {value}")
    return "\n".join(rows) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
