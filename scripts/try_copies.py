"""Test on a smaller scale whether copies of the pictures give another accuracy than the originals.

python scripts/try_copies.py --seeds 0-4

The cats and dogs that results/ was measured on are 200x200 copies, saved as JPEG once more, of
originals that are about twice as large, and the first edition's recipe shrinks them to 150x150.
Without the originals this cannot be tested as it is, but in proportion it can: here the copies are
taken for originals. They are scaled to half their size and saved as JPEG once more, and the recipe
trains at half its size, 75x75, once on those copies of copies and once on the copies themselves.
Both have the same starting weights and order, seed by seed, so their difference is the pictures'.

Each finished pair goes to results/copies.csv; a seed that is there is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import tempfile
from pathlib import Path

import pandas as pd
from run_seeds import seeds_of
from update_results import RESULTS, write_table

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.errors import run_cli
from chollet_cnn.evidence import records as recorded
from chollet_cnn.training import trainer

BOOK = recipes.get("cats-vs-dogs-first-edition")
HALF = tuple(side // 2 for side in BOOK.data_options["image_size"])
QUALITY = 75
"""Of the JPEG files: Pillow's default, and that of many who never ask."""


def at_half_size() -> Recipe:
    """Return the first edition's recipe with a network for pictures of half the size."""
    return dataclasses.replace(
        BOOK,
        name=f"{BOOK.name}-at-half-size",
        network_options={"image_size": HALF},
        data_options=BOOK.data_options | {"image_size": HALF},
    )


def copy_at_half_size(data_dir: str | None, folder: Path) -> None:
    """Write every picture of the recipe as it would look had it been copied at half its size."""
    from PIL import Image

    from chollet_cnn.data import archives

    archive, pictures = archives.find(data_dir)
    splits = BOOK.data_options["splits"].values()
    used = [p for p in pictures if any(first <= p.number < last for first, last in splits)]
    with archives.reader(archive) as read:
        for picture in used:
            with Image.open(io.BytesIO(read(picture.file))) as image:
                size = (image.width // 2, image.height // 2)
                half = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
            half.save(folder / f"{picture.kind}.{picture.number}.jpg", quality=QUALITY)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="0-4", help="such as 0-4 or 1,4,7 (default: 0-4)")
    parser.add_argument("--data-dir", help="where the cats and dogs lie")
    options = parser.parse_args(argv)
    plan = at_half_size()
    recipes.RECIPES[plan.name] = plan
    pairs = recorded.read_copies(RESULTS)
    left = [seed for seed in seeds_of(options.seeds) if seed not in set(pairs["seed"])]
    print(f"{len(left)} pairs are still to be trained", flush=True)
    if not left:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CHOLLET_CNN_CACHE"] = str(Path(scratch, "decoded"))
        copies = Path(scratch, "copies")
        copies.mkdir()
        copy_at_half_size(options.data_dir, copies)
        for seed in left:
            rows = []
            for pictures, place in (("originals", options.data_dir), ("copies", copies)):
                run = trainer.train(
                    plan.name, data_dir=place, seed=seed, out=Path(scratch, pictures)
                )
                rows.append({"pictures": pictures, **recorded.row(run)})
            pairs = pd.concat([pairs, pd.DataFrame(rows)]) if len(pairs) else pd.DataFrame(rows)
            files.write(RESULTS / "copies.csv", pairs.to_csv(index=False))
            write_table()
            told = ", ".join(f"{row['pictures']} {row['val_accuracy']:.2%}" for row in rows)
            print(f"seed {seed}: {told}", flush=True)
    return 0


if __name__ == "__main__":
    run_cli(main)
