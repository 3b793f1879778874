"""Say in prose what a chain means: every implied link, what it needs, what tells two alerts apart.

`--dot` prints the automaton for GraphViz instead: `chainrun explain --dot x.chain | dot -Tsvg > x.svg`.
`chainrun explain --alert ID alerts.jsonl x.chain` says why an alert came: what each event had that the chain asked for,
what joined it to the others, the lineage, the parameters in force. ID may be shortened; without a chain it is one of
those that come with the product.
"""

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from importlib.resources import files
from typing import Annotated

import typer
from chainrun.dsl.model import Analytic

from ..intake.source import STANDARD_INPUT
from ..match.compile import compile_chain
from ..report.alert import Alert
from ..report.escape import excerpt
from ..report.paint import Paint, is_wanted
from ..study.explain import explain
from .arguments import expand, needs_chain, needs_events, split
from .chains import SetOption, SiteOption, load
from .exits import Exit, UsageError


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"


def command(
    words: Annotated[list[str], typer.Argument(metavar="CHAIN|ALERTS", show_default=False)],
    dot: Annotated[bool, typer.Option("--dot", help="Draw the automaton in GraphViz' language.")] = False,
    alert: Annotated[
        str | None, typer.Option(metavar="ID", help="Say why this alert of a file of alerts (jsonl) came.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", "-f", help="With --alert: how it is told.")] = Form.TEXT,
    settings: SetOption = None,
    site: SiteOption = None,
) -> int:
    if alert is not None:
        if dot:
            raise UsageError("`--dot` draws chains, not alerts", "`chainrun explain --dot my.chain`")
        return _alert(alert, words, form, settings, site)
    if form is not Form.TEXT:
        raise UsageError(f"`--format {form}` is for `--alert`", f"`{_WITH} --format {form}`")
    paths = [path for word in words for path in expand(word)]
    needs_chain(paths, "explain")
    library = load(paths, settings, site, quiet=True)
    if library is None:
        return Exit.WRONG_CHAIN
    if dot:
        # networkx takes longer to load than the rest of the command takes to run
        from ..study.drawing import to_dot

        sys.stdout.write("".join(to_dot(compile_chain(a, c)) for a in library.analytics for c in a.chains))
    else:
        sys.stdout.write("\n".join(explain(a, Paint(is_wanted(sys.stdout))) for a in library.analytics))
    return Exit.OK


def _alert(id: str, words: Sequence[str], form: Form, settings: Sequence[str] | None, site: str | None) -> int:
    """Explains one alert of a file of alerts."""
    from ..study.account import account
    from ..study.account_json import to_json
    from ..study.account_text import to_text
    from ..study.recorded import RecordError, read_alerts

    chains, inputs = split(words)
    needs_events(inputs, f"chainrun explain --alert {excerpt(id, 60)}")
    try:
        found = _chosen(id, read_alerts(inputs or [STANDARD_INPUT], Alert))
    except RecordError as error:
        raise UsageError(str(error), "`chainrun … --format jsonl > alerts.jsonl`") from error
    library = load(chains or [str(files("chainrun.analytics"))], settings, site, quiet=True)
    if library is None:
        return Exit.WRONG_CHAIN
    told = next((told for a in library.analytics if a.id == found.analytic and (told := account(found, a))), None)
    if told is None:
        raise UsageError(_no_chain(found, library.analytics), f"name the chain file that raised it: `{_WITH}`")
    sys.stdout.write(to_json(told) if form is Form.JSON else to_text(told, Paint(is_wanted(sys.stdout))))
    return Exit.OK


_WITH = "chainrun explain --alert ID alerts.jsonl my.chain"


def _chosen(id: str, alerts: Iterable[Alert]) -> Alert:
    """The one alert whose id begins so, in its last edition."""
    found = {alert.alert_id: alert for alert in alerts if alert.alert_id.startswith(id)}
    if not found:
        raise UsageError(f"no alert here has an id that begins with `{excerpt(id, 60)}`")
    if len(found) > 1:
        raise UsageError(f"the ids of {len(found)} alerts begin with `{excerpt(id, 60)}`: {', '.join([*found][:3])}")
    return next(iter(found.values()))


def _no_chain(alert: Alert, analytics: Sequence[Analytic]) -> str:
    name = f"{excerpt(alert.analytic, 100)}/{excerpt(alert.chain, 100)}"
    if any(analytic.id == alert.analytic for analytic in analytics):
        return f"`{name}` is no longer the chain that raised this alert: its steps are others"
    return f"none of these chains is `{name}`, which raised this alert"
