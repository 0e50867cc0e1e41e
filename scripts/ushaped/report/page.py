"""The page itself: one view per partial, the templates, and the policy it is shown under."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from ushaped.errors import UserError
from ushaped.report import text
from ushaped.report.axes import AxesView, axes_view
from ushaped.report.compare import CompareView, compare_view
from ushaped.report.curves import CurvesView, curves_view
from ushaped.report.elsewhere import ElsewhereView, elsewhere_view
from ushaped.report.evidence import EvidenceView, evidence_view
from ushaped.report.findings import Findings, findings_of
from ushaped.report.limits import LimitsView, limits_view
from ushaped.report.matrix import MatrixView, matrix_view
from ushaped.report.mechanism import MechanismView, mechanism_view
from ushaped.report.methods import MethodsView, methods_view
from ushaped.report.overview import OverviewView, overview_view
from ushaped.report.packed import as_json, pack
from ushaped.report.power import PowerView, power_view
from ushaped.report.protocols import ProtocolsView, protocols_view
from ushaped.report.provenance import ProvenanceView, provenance_view
from ushaped.report.published import PublishedView, published_view
from ushaped.report.questions import QuestionsView, questions_view
from ushaped.report.scaling import ScalingView, scaling_view
from ushaped.report.seeds import SeedsView, seeds_view
from ushaped.report.sure import SureView, sure_view
from ushaped.report.tasks import JUDGES, PANELS, SHOWN, TasksView, tasks_view
from ushaped.report.verdicts import VerdictsView, verdicts_view
from ushaped.results import numbers
from ushaped.results.folder import Results
from ushaped.results.numbers import zetta
from ushaped.terms import AVERAGE

FILTERS = (
    "percent",
    "number",
    "whole_number",
    "signed",
    "small_number",
    "by_metric",
    "spread",
    "probability",
    "draw_share",
    "draws",
    "p_value",
    "scientific",
    "scale_at",
    "duration",
    "setting",
)
# Tests between neighbouring sizes in words.
TESTS = {
    "mcnemar": "McNemar, exact",
    "paired-means": "paired means",
    "two-proportions": "two proportions",
    "means": "means",
}


@dataclass(frozen=True)
class PageView:
    """One view per partial, under its name and in the order of the page; None to leave it out."""

    verdicts: VerdictsView
    scaling: ScalingView
    sure: SureView
    limits: LimitsView | None
    matrix: MatrixView
    compare: CompareView | None
    overview: OverviewView
    tasks: TasksView
    protocols: ProtocolsView
    seeds: SeedsView
    axes: AxesView | None
    evidence: EvidenceView | None
    mechanism: MechanismView | None
    power: PowerView | None
    published: PublishedView | None
    elsewhere: ElsewhereView | None
    questions: QuestionsView
    methods: MethodsView
    curves: CurvesView | None
    provenance: ProvenanceView

    @property
    def partials(self) -> list[str]:
        """Names of the partials that have something to show."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]


def page_view(findings: Findings) -> PageView:
    # First, since it names a missing table of the literature and the command that writes it.
    published = published_view(findings)
    return PageView(
        verdicts=verdicts_view(findings),
        scaling=scaling_view(findings),
        sure=sure_view(findings),
        limits=limits_view(findings),
        matrix=matrix_view(findings),
        compare=compare_view(findings),
        overview=overview_view(findings),
        tasks=tasks_view(findings),
        protocols=protocols_view(findings),
        seeds=seeds_view(findings),
        axes=axes_view(findings),
        evidence=evidence_view(findings),
        mechanism=mechanism_view(findings),
        power=power_view(findings),
        published=published,
        elsewhere=elsewhere_view(findings),
        questions=questions_view(findings),
        methods=methods_view(findings),
        curves=curves_view(findings),
        provenance=provenance_view(findings),
    )


def environment(folder: Path) -> Environment:
    """Jinja2 as this page uses it: everything escaped, nothing undefined."""
    templates = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    templates.filters.update({name: getattr(numbers, name) for name in FILTERS})
    templates.filters.update(slug=text.slug, listing=text.listing, plural=text.plural)
    templates.filters.update(as_json=as_json, pack=pack, zetta=zetta)
    templates.filters["test_name"] = lambda test: TESTS.get(test, test)
    templates.globals.update(
        average=AVERAGE,
        flag_words=text.FLAGS,
        glyphs=text.glyphs(),
        judges=JUDGES,
        metric_names=SHOWN,
        panel_names=PANELS,
    )
    return templates


def style_sheet(path: Path) -> tuple[Markup, str]:
    """Read the style sheet; return it with the hash by which the page's policy allows it.

    Raises
    ------
    UserError
        If there is none, or it would end the element that holds it.
    """
    return _sealed(_inline(path))


def script(*folders: Path) -> tuple[Markup, str]:
    """Join the files of folders, by name, to one script; return it with its hash.

    They share one function, so that nothing of them is global.

    Raises
    ------
    UserError
        If a folder has none, or one would end the element that holds it.
    """
    paths: list[Path] = []
    for folder in folders:
        paths += sorted(folder.glob("*.js"))
        if not paths:
            raise UserError(str(folder), "holds no script", "keep it beside the template")
    parts = "\n".join(_inline(path) for path in paths)
    return _sealed(f"(() => {{\n'use strict';\n{parts}}})();\n")


def _inline(path: Path) -> str:
    """Read a file that stands inside an element of the page."""
    if not path.exists():
        raise UserError(str(path), "no such file", "keep it beside the template")
    text = path.read_text(encoding="utf-8")
    for ending in ("</", "<!--"):
        if ending in text:
            raise UserError(str(path), f"holds '{ending}'", "write it without")
    return text


def _sealed(text: str) -> tuple[Markup, str]:
    seal = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"sha256-{seal}"


def render(template: str | Path, inputs: Results) -> str:
    """Render the page.

    Parameters
    ----------
    template : str or Path
        ``report.html.j2``; its folder holds ``style.css``, the partial templates and the script.
    inputs : Results
        What to show.

    Raises
    ------
    UserError
        If the template is not there or is wrong.
    """
    template = Path(template)
    css, css_hash = style_sheet(template.parent / "style.css")
    code, code_hash = script(template.parent / "script")
    shell = {"css": css, "css_hash": css_hash, "script": code, "script_hash": code_hash}
    findings = findings_of(inputs)
    page = page_view(findings)
    # CSV by name; the templates add that of each figure that they show.
    files = dict(page.published.tables) if page.published else {}
    try:
        html = environment(template.parent).get_template(template.name)
        return html.render(page=page, findings=findings, files=files, **shell)
    except TemplateError as error:
        raise UserError(str(template), f"cannot be rendered ({error})", "mend it") from error
