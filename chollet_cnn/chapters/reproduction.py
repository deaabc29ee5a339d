"""The last chapter: is the book's number what its recipe gives, or one lucky run?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

import chollet_cnn
from chollet_cnn import claims, spread
from chollet_cnn.analysis import seeds
from chollet_cnn.chapters.page import Call, Chapter, Picture, percent

RECORDED = Path(chollet_cnn.__file__).parents[1] / "results" / "runs.csv"
"""What was measured; a checkout has it, an installed package has not."""


def chapters(recorded: Path = RECORDED) -> Iterator[Callable[[], Chapter]]:
    """Yield what makes the chapter."""
    yield lambda: does_it_reproduce(recorded)


def does_it_reproduce(recorded: Path = RECORDED) -> Chapter:
    """Recorded runs beside the book's figures, as far as they go."""
    there = recorded.is_file()
    content = _compared(pd.read_csv(recorded)) if there else {}
    return Chapter(
        slug="does-it-reproduce",
        title="Does it reproduce?",
        short="Does it reproduce?",
        question="Is the book's number what the recipe gives, or one lucky run?",
        content={"there": there, **content},
    )


def _compared(rows: pd.DataFrame) -> dict[str, object]:
    compared = claims.accuracies(_of_one_kind(rows)).dropna(subset="published")
    if compared.empty:
        return {"there": False}
    first = compared.iloc[0]
    return {
        "dots": Picture(
            "recorded-runs-beside-the-book",
            seeds.plot_seeds(compared),
            compared,
            "A line for each recipe with the recorded runs as dots and the book's figure as a "
            "stroke: " + "; ".join(_spoken(line) for line in compared.to_dict("records")) + ".",
            "How far a dot lies from its stroke is what there is to explain.",
        ),
        "seeds": seeds_words(compared.groupby("title", sort=False)["seed"].nunique().to_dict()),
        "first": first["title"],
        "ours": percent(first["accuracy"], 2),
        "book": percent(first["published"], 2),
        "difference": f"{100 * (first['accuracy'] - first['published']):+.2f}".replace("-", "−"),
        "notes": sorted(set(rows["data_note"].dropna())),
        "call": Call(
            "import pandas as pd\n"
            "from chollet_cnn import claims\n\n"
            f"rows = pd.read_csv({str(_shortest(RECORDED))!r}).set_index('recipe')\n"
            f"rows.loc[{first['recipe']!r}, {first['quantity']!r}]\n"
            f"claims.published({first['recipe']!r}).value   # {first['published']}"
        ),
    }


def _of_one_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the backend and kind of device that most were made with."""
    kinds = list(zip(rows["backend"], rows["device"], strict=True))
    most = max(kinds, key=kinds.count)
    return rows[[kind == most for kind in kinds]]


def _shortest(path: Path) -> Path:
    """Return a path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _spoken(line: dict[str, object]) -> str:
    return (
        f"{line['title']}, seed {line['seed']}, {percent(line['accuracy'], 2)} "
        f"against {percent(line['published'], 2)}"
    )


def seeds_words(counted: dict[str, int]) -> str:
    """Say how many seeds were run, and whether that is enough to answer the question.

    >>> seeds_words({"MNIST, first edition": 1})
    'There is one run of each recipe so far. One run cannot tell luck from rule.'
    """
    fewest, most = min(counted.values()), max(counted.values())
    if most == 1:
        return "There is one run of each recipe so far. One run cannot tell luck from rule."
    counts = "; ".join(f"{title}: {count}" for title, count in counted.items())
    answer = (
        "Enough to see how far apart runs of one recipe lie."
        if fewest >= spread.FEWEST_TO_MEET
        else "Where there are only a few, take the spread with care."
    )
    return f"Seeds run so far: {counts}. {answer}"
