"""Tree to model: what a file means, or everything that is wrong with it.

The rooms, from the ground up: `faults` collects, `words` knows what can match, `values` and `parameters` know
constants, `scope` knows names at a place, `patterns` and `conditions` give arguments and `where` their meaning,
`steps`, `elements` and `chains` build on those; `subjects` and `windows` look at a chain as a whole. A fault in one
place silences what depends on it and nothing else.
"""

from pathlib import PurePath

from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Diagnostic, Label
from chainrun.dsl.overrides import Overrides
from chainrun.dsl.prelude import prelude
from chainrun.dsl.source import Source, Span
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import vocabulary

from . import chains, kinds, spelling, tests
from .captures import collect
from .chains import Line
from .faults import Faults
from .header import about
from .parameters import Known, Parameters
from .scope import Meaning, Scope

MOST_CHAINS = 100  # of one file


def check(
    file: tree.File, source: Source, overrides: Overrides | None = None
) -> tuple[model.Analytic, tuple[Diagnostic, ...]]:
    """The analytic and the warnings about it; raises `ChainError` with every error of the file, in order of place.

    Faults of the file are raised before those of its overrides, which point into another text.
    """
    overrides = overrides or Overrides()
    faults = Faults(source)
    words = vocabulary()
    header = next((i for i in file.items if isinstance(i, tree.Header)), None)
    stem = PurePath(source.name).name.removesuffix(".chain") or source.name
    id_ = header.id.text if header is not None else stem

    parameters = Parameters(overrides.settings_of(id_))
    shared_source, shared = prelude()
    shared_faults = Faults(shared_source)
    parameters.declare((i for i in shared.items if isinstance(i, tree.Parameter)), shared_faults, shared=True)
    own = [i for i in file.items if isinstance(i, tree.Parameter)]
    parameters.declare(own, faults)

    scope = Scope(words, parameters, {n: Meaning(k, n) for n, k in words.kinds.items()}, faults)
    _refuse_reserved(own, scope)
    kinds.declare([i for i in shared.items if isinstance(i, tree.KindDeclaration)], scope.reporting(shared_faults))
    kinds.declare([i for i in file.items if isinstance(i, tree.KindDeclaration)], scope)

    said = about(header, id_, scope)
    site = {e.source: Faults(e.source) for e in overrides.exceptions_of(id_)}
    lines = [Line(i, faults) for i in file.items if isinstance(i, tree.Severity | tree.Except)]
    lines += [Line(e.exception, site[e.source], e.table is None) for e in overrides.exceptions_of(id_)]
    nodes = [i for i in file.items if isinstance(i, tree.Chain)]
    tried = tests.written(file)
    found = _chains(nodes, lines, said.platforms, scope, tests.named(tried))
    judged = [tests.test(t, found if len(found) == len(nodes) else None, scope) for t in tried]
    parameters.resolve_all()
    parameters.check_words()
    _warn_of_unused(parameters, faults)

    faults.raise_errors()
    shared_faults.raise_errors()
    for elsewhere in (*parameters.override_faults.values(), *site.values()):
        elsewhere.raise_errors()
    analytic = model.Analytic(
        id=said.id,
        title=said.title,
        file=source.name,
        platforms=said.platforms,
        attack=said.attack,
        strategy=said.strategy,
        severity=said.severity,
        version=said.version,
        references=said.references,
        parameters=tuple(_parameter(k) for k in parameters.used),
        chains=found,
        tests=tuple(test for test in judged if test is not None),
        aliases=tuple(overrides.aliases.items()),
        span=file.span,
    )
    return analytic, faults.warnings


def _chains(
    nodes: list[tree.Chain], lines: list[Line], platforms: tuple[str, ...], file: Scope, expected: set[str]
) -> tuple[model.Chain, ...]:
    faults = file.faults
    if not nodes:
        end = len(faults.source.text.rstrip())
        faults.error("C312", "there is no chain in this file", Span(end, end), "one begins with a step: `open -> …`")
    if len(nodes) > MOST_CHAINS:
        faults.error("C107", f"more than {MOST_CHAINS} chains in one file", nodes[MOST_CHAINS].span, "one too many")
        nodes = nodes[:MOST_CHAINS]
    names: dict[str, tree.Name] = {}
    for node in nodes:
        if node.name is not None and names.setdefault(node.name.text, node.name) is not node.name:
            also = (Label(names[node.name.text].span, "first here"),)
            faults.error("C208", f"two chains are called `{node.name.text}`", node.name.span, also=also)
    scopes = [file.with_captures(collect(node.positions, file)) for node in nodes]
    captures = {name for scope in scopes for name in scope.captures}
    found: list[model.Chain] = []
    for node, scope in zip(nodes, scopes, strict=True):
        # a line that speaks of no chain is left with all of them, which report why
        belonging = [
            line
            for line in lines
            if chains.belongs(line, scope, captures)
            or not (line.anywhere or any(chains.belongs(line, s, captures) for s in scopes))
        ]
        built = chains.chain(node, belonging, platforms, scope)
        chains.warn_of_unused(scope, expected)
        if built is not None:
            found.append(built)
    return tuple(found)


def _refuse_reserved(parameters: list[tree.Parameter], scope: Scope) -> None:
    for parameter in parameters:
        name = parameter.name.text
        if name in scope.vocabulary.field_sets:
            scope.faults.error(
                "C210",
                f"a parameter cannot be called `{name}`",
                parameter.name.span,
                f"`{name}.…` names fields of events",
                helps=(f"`{name[:1].upper()}{name[1:]}`, as parameters are written",),
            )


def _warn_of_unused(parameters: Parameters, faults: Faults) -> None:
    for known in parameters.own:
        if not known.used:
            faults.warning("C606", f"nothing uses `{known.name}`", known.declared.name.span, "declared here")


def _parameter(known: Known) -> model.Parameter:
    assert known.valued is not None
    wordy = known.valued.type in (ValueType.WORDS, ValueType.TEXT)
    description = known.declared.description
    return model.Parameter(
        name=known.name,
        type=known.role if wordy and known.role is not None else known.valued.type,
        value=spelling.value(known.valued.value),
        default=known.default,
        origin=known.origin,
        description=description.text if description is not None else "",
        span=known.declared.span,
    )
