"""Write everything in ``results/`` that is made from the recorded runs, and the README's table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from chollet_cnn import files
from chollet_cnn.book.published import CLAIMS, CURVES, ERRATA
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import (
    comparison,
    figures,
    overview,
    records,
    statistics,
    studies,
    tables,
)
from chollet_cnn.evidence.comparison import Answer, PrintedCurve
from chollet_cnn.evidence.records import Records
from chollet_cnn.training import runs

TEMPLATES = Path(__file__).parent / "templates"
DPI = 160


def write(results: Path = records.RESULTS) -> None:
    """Write ``claims.csv``, ``answer.json``, ``README.md`` and ``figures/`` of a results folder.

    Args:
        results: a folder with recorded runs, in which they are written.
    """
    recorded = records.read(results)
    compared = comparison.compare(CLAIMS, recorded)
    files.write(results / "claims.csv", comparison.to_table(compared).to_csv(index=False))
    runs.write_json(results / "answer.json", to_json(Answer(recorded)))
    drawn = list(write_figures(recorded.of_most_runs(), results / "figures"))
    files.write(results / "README.md", render(recorded, drawn))


def to_json(answer: Answer) -> dict[str, object]:
    """Return the answer for programs; a share is 0..1, an unknown number NaN."""
    whole, curves = [], []
    for item, adjusted in answer.family:
        p_values = {"p_value": item.p_value, "p_value_holm": adjusted}
        if isinstance(item, PrintedCurve):
            curves.append({"recipe": item.recipe} | _counts(item) | p_values)
            continue
        claim, sample = item.claim, item.sample
        line = {"recipe": claim.recipe, "quantity": claim.quantity}
        line |= {"source": f"{claim.kind}, {claim.source}", "published": claim.value}
        line |= {"runs": sample.n, "mean": sample.mean}
        line |= {"prediction_interval": sample.prediction_interval}
        line |= {"confidence_interval": sample.confidence_interval, "verdict": item.verdict}
        whole.append(line | p_values | {"detectable_difference": item.detectable_difference})
    return {
        "question": "Is each published figure inside the 95% prediction interval of our runs?",
        "figures": whole,
        "printed_curves": curves,
        "printed_curves_of_variants": [
            {"recipe": curve.recipe, "variant": curve.variant}
            | _counts(curve)
            | {"p_value": curve.p_value}
            for curve in answer.curves_of_variants
        ],
        "coverage": statistics.COVERAGE,
        "power": statistics.POWER,
    }


def _counts(curve: PrintedCurve) -> dict[str, int]:
    """Return how many runs a printed curve has, and how many of its numbers each verdict."""
    counts = {verdict: curve.count(verdict) for verdict in statistics.VERDICTS}
    return {"runs": curve.n, "printed_numbers": len(curve.comparisons)} | counts


def write_figures(recorded: Records, folder: Path) -> Iterable[str]:
    """Draw every figure that there are runs for; yield the names of the files without ending."""
    drawings = {"seeds": lambda: figures.plot_seeds(comparison.accuracies(recorded))}
    for recipe in CURVES:
        drawings[f"printed-curve-{recipe}"] = partial(figures.printed_curve, recorded, recipe)
    for study in studies.collect():
        if study.figure_name:
            drawings[study.figure_name] = partial(study.figure, recorded)
    for name, draw in drawings.items():
        if len(recorded.runs) and (figure := draw()):
            files.write(folder / f"{name}.png", partial(figure.savefig, format="png", dpi=DPI))
            yield name


def update_marked(path: Path, name: str, content: str) -> None:
    """Replace what is between ``<!-- name -->`` and ``<!-- end of name -->`` in a file."""
    text = path.read_text("utf-8")
    marks = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end of {name} -->)", re.DOTALL)
    if not marks.search(text):
        raise UserError(f"{path} has lost its mark <!-- {name} -->; put it back")
    files.write(path, marks.sub(lambda found: found[1] + content + found[2], text))


def render(recorded: Records, drawn: Sequence[str] = ()) -> str:
    """Return ``results/README.md``.

    Args:
        recorded: what the folder holds.
        drawn: the names of the figures that are in ``figures/``.
    """
    main, answer = recorded.of_most_runs(), Answer(recorded)
    environment = tables.templates(TEMPLATES, studies.FOLDER)
    environment.filters["epochs"] = partial(overview.curve_table, main)
    environment.filters["describe_data"] = records.describe_data
    measured = [(study, study.measure(main)) for study in studies.collect()]
    backend, device = recorded.main_kind
    return environment.get_template("results.md").render(
        answer=answer,
        in_short=overview.in_short(answer),
        all_figures=overview.all_figures(recorded, answer),
        curves=[curve for curve in answer.curves if curve.n],
        studies=measured,
        measured={study.name: found for study, found in measured},
        unpublished=overview.unpublished(main),
        errata=ERRATA,
        machines=overview.machines(recorded),
        pooled_processors=overview.pooled_processors(recorded),
        recorded=recorded,
        backend=backend,
        device=device,
        drawn=drawn,
        widths=overview.widths(answer, "cats-vs-dogs"),
        extended=overview.extended(main),
        of_this_package=recorded.folder == records.RESULTS,
        statistics=statistics,
    )
