"""The last chapter: is the book's number what its recipe gives, or one lucky run?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

import chollet_cnn
from chollet_cnn import claims, recipes
from chollet_cnn.chapters import drawings
from chollet_cnn.chapters.page import Call, Chapter, Picture, percent

RECORDED = Path(chollet_cnn.__file__).parents[1] / "results" / "runs.csv"
"""What was measured; a checkout has it, an installed package has not."""
ENOUGH = 5
"""So many seeds say something about how far apart runs of one recipe lie."""


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
    rows = rows.assign(claim=[claims.published(name) for name in rows["recipe"]])
    known = rows[rows["claim"].notna()]
    order = {name: place for place, name in enumerate(recipes.RECIPES)}
    known = known.sort_values("recipe", key=lambda column: column.map(order), kind="stable")
    compared = pd.DataFrame(
        [
            {
                "recipe": row["recipe"],
                "title": recipes.get(row["recipe"]).title,
                "data": row["data"],
                "seed": row["seed"],
                "measured": row["claim"].quantity,
                "accuracy": row[row["claim"].quantity],
                "book": row["claim"].value,
            }
            for row in known.to_dict("records")
        ]
    )
    if compared.empty:
        return {"there": False}
    first = compared.iloc[0]
    return {
        "dots": Picture(
            "recorded-runs-beside-the-book",
            drawings.plot_seeds(compared),
            compared,
            "A line for each recipe with the recorded runs as dots and the book's figure as a "
            "stroke: " + "; ".join(_spoken(line) for line in compared.to_dict("records")) + ".",
            "How far a dot lies from its stroke is what there is to explain.",
        ),
        "seeds": seeds_words(compared.groupby("title", sort=False)["seed"].nunique().to_dict()),
        "first": first["title"],
        "ours": percent(first["accuracy"], 2),
        "book": percent(first["book"], 2),
        "difference": f"{100 * (first['accuracy'] - first['book']):+.2f}".replace("-", "−"),
        "notes": sorted(set(rows["data_note"].dropna())),
        "call": Call(
            "import pandas as pd\n"
            "from chollet_cnn import claims\n\n"
            f"rows = pd.read_csv({str(_shortest(RECORDED))!r}).set_index('recipe')\n"
            f"rows.loc[{first['recipe']!r}, {first['measured']!r}]\n"
            f"claims.published({first['recipe']!r}).value   # {first['book']}"
        ),
    }


def _shortest(path: Path) -> Path:
    """Return a path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _spoken(line: dict[str, object]) -> str:
    return (
        f"{line['title']}, seed {line['seed']}, {percent(line['accuracy'], 2)} "
        f"against {percent(line['book'], 2)}"
    )


def seeds_words(seeds: dict[str, int]) -> str:
    """Say how many seeds were run, and whether that is enough to answer the question.

    >>> seeds_words({"MNIST, first edition": 1})
    'There is one run of each recipe so far. One run cannot tell luck from rule.'
    """
    fewest, most = min(seeds.values()), max(seeds.values())
    if most == 1:
        return "There is one run of each recipe so far. One run cannot tell luck from rule."
    counts = "; ".join(f"{title}: {count}" for title, count in seeds.items())
    answer = (
        "Enough to see how far apart runs of one recipe lie."
        if fewest >= ENOUGH
        else "Where there are only a few, take the spread with care."
    )
    return f"Seeds run so far: {counts}. {answer}"
