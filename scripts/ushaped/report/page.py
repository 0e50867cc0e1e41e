"""The page itself: values for the templates, and the policy it is shown under."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.items.released import said
from ushaped.report import text
from ushaped.report.compare import compare_values
from ushaped.report.comparisons import editions_of, seed_spread, verdict_matrix
from ushaped.report.evidence import agreeing, evidence_values, shown_by_data, test_name
from ushaped.report.matrix import cells_of, switched
from ushaped.report.origin import EMBEDDED, costs, flatten, frequencies, scorings, total
from ushaped.report.packed import as_json, pack
from ushaped.report.pictures import of_edition, pictures
from ushaped.report.protocols import protocol_values
from ushaped.report.published import literature
from ushaped.report.questions import question_values
from ushaped.report.tasks import JUDGES, PANELS, SHOWN, task_view
from ushaped.report.verdicts import tallies, tally, verdicts
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.results.formats import precisions
from ushaped.terms import MAIN_VARIANT, PALM

FILTERS = (
    "percent",
    "number",
    "whole_number",
    "signed",
    "small_number",
    "by_metric",
    "probability",
    "p_value",
    "scientific",
    "scale_at",
    "duration",
    "setting",
    "slug",
    "listing",
    "plural",
)


def page_values(inputs: Results) -> dict[str, Any]:
    """Everything that the templates refer to."""
    found = verdicts(inputs.shapes)
    counted = tallies(found, inputs.metrics)
    palm = [v for v in found if v.source == "published" and v.family == PALM]
    drawn = pictures(inputs, found, counted)
    editions = tables.editions(inputs.metrics)
    names = tables.edition_names(dict.fromkeys([*editions, *editions_of(found)]))
    run = [one for one in editions if one.task != tables.AVERAGE]
    tasks = list(dict.fromkeys(one.task for one in run))
    taught = _taught(inputs, tasks)
    views = [task_view(inputs, one, names[one], found) for one in run]
    jobs = costs(inputs.benchmarks)
    ours = tables.our_families(inputs.metrics)
    models = _in_order(inputs.models)
    papers = literature(inputs.literature)
    evidence = evidence_values(inputs.evidence, inputs.published_verdicts, inputs.power)
    cells = cells_of(found, evidence["proofs"], inputs.protocols)
    return {
        "tallies": counted,
        "palm": tally(palm) if palm else None,
        "embedded": EMBEDDED if EMBEDDED in ours else None,
        "frequencies": frequencies(inputs.config, taught),
        "untaught": [name for name in tasks if name not in taught],
        "figures": drawn,
        "matrix": verdict_matrix(found),
        "switched": switched(found, cells, names),
        "compare": compare_values(inputs, found, cells, names),
        "tasks": views,
        "task_figures": {one: drawn.get(of_edition(one)) for one in run},
        "task_count": len(tasks),
        "names": names,
        "protocols": protocol_values(inputs.protocols),
        "questions": question_values(inputs.questions),
        "evidence": evidence,
        "proofs": evidence["proofs"],
        "shown": [shown_by_data(one.judged, evidence["proofs"]) for one in counted],
        "tested": [agreeing(one.judged, evidence["proofs"]) for one in counted],
        "spread": seed_spread(inputs.metrics),
        "literature": papers,
        # CSV by name; the templates add that of each figure that they show.
        "files": dict(papers.tables) if papers else {},
        "models": models,
        "settings": list(flatten(inputs.config)),
        "rule": _rule_settings(inputs.config),
        "provenance": inputs.provenance,
        "hardware": _rows(inputs.provenance.get("hardware")),
        "packages": sorted((inputs.provenance.get("packages") or {}).items()),
        "more_provenance": _rows(_unknown(inputs.provenance)),
        "costs": jobs,
        "cost_total": total(jobs) if jobs else None,
        "scorings": scorings(inputs.benchmarks, [str(m.get("model")) for m in models], inputs.made),
        "precisions": precisions(models, inputs.made, inputs.metrics, inputs.scores),
        "shown_metrics": SHOWN,
        "judges": JUDGES,
        "shape_names": style.SHAPES,
        "glyphs": text.glyphs(),
        "flag_words": text.FLAGS,
        "doubts": text.DOUBTS,
        "average": tables.AVERAGE,
        "main_variant": MAIN_VARIANT,
        "several_families": len(ours) > 1,
        "panel_names": PANELS,
        "sources": {one.source for one in run},
        "average_sources": [one.source for one in editions if one.task == tables.AVERAGE],
        "items_said": said(run) if run else "",
    }


def _taught(inputs: Results, tasks: list[str]) -> list[str]:
    """The tasks in the training text of the embedded family: those with a generator."""
    return [name for name in tasks if name in inputs.tasks and inputs.tasks[name].has_replica]


KNOWN_PROVENANCE = ("commit", "dirty", "config_digest", "python", "packages", "hardware")


def _rows(value: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return list(flatten(value)) if value else []


def _unknown(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in provenance.items() if k not in KNOWN_PROVENANCE}


def _in_order(models: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Models by family, size and name; sizes as the metrics order them."""

    def place(model: Mapping[str, Any]) -> tuple[Any, ...]:
        family = str(model.get("family", ""))
        by = "parameters" if family in unknown else "training_flops"
        return family, float(model.get(by) or 0), str(model.get("model", ""))

    unknown = {str(m.get("family", "")) for m in models if m.get("training_flops") is None}
    return sorted(models, key=place)


def _rule_settings(config: Mapping[str, Any]) -> dict[str, float]:
    section = config.get("shapes")
    section = section if isinstance(section, Mapping) else {}
    defaults = {"equivalence": 0.02, "recovery": 1 / 3}
    return {name: float(section.get(name, value)) for name, value in defaults.items()}


def environment(folder: Path) -> Environment:
    """Jinja2 as this page uses it: everything escaped, nothing undefined."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.filters.update({name: getattr(text, name) for name in FILTERS})
    made.filters.update(as_json=as_json, pack=pack)
    made.filters["test_name"] = test_name
    made.filters["say_probability"] = tables.say_probability
    made.filters["zetta"] = style.zetta
    return made


def style_sheet(path: Path) -> tuple[Markup, str]:
    """Read the style sheet; return it with the hash by which the page's policy allows it.

    Raises
    ------
    UserError
        If there is none, or it would end the element that holds it.
    """
    return _sealed(_inline(path))


def script(folder: Path) -> tuple[Markup, str]:
    """Join the files of a folder, by name, to one script; return it with its hash.

    They share one function, so that nothing of them is global.

    Raises
    ------
    UserError
        If there are none, or one would end the element that holds it.
    """
    paths = sorted(folder.glob("*.js"))
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
    try:
        page = environment(template.parent).get_template(template.name)
        return page.render(**page_values(inputs), **shell)
    except TemplateError as error:
        raise UserError(str(template), f"cannot be rendered ({error})", "mend it") from error
