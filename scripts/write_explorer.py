"""Write results/explorer.html, the explorer of a recorded run.

python scripts/write_explorer.py RUN       from a run of the recipe mnist-first-edition
python scripts/write_explorer.py           again with today's code, from the data in the page itself
python scripts/write_explorer.py --check   only say whether the page is what today's code writes
"""

import argparse
from pathlib import Path

from chollet_cnn import files
from chollet_cnn.errors import UserError, run_cli

PAGE = Path(__file__).parents[1] / "results" / "explorer.html"


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run directory")
    parser.add_argument("--data-dir", metavar="DIR", help="where to look for MNIST first")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if outdated")
    options = parser.parse_args(argv)
    if options.run and options.check:
        raise UserError("--check is about the page as it is; omit RUN")
    from chollet_cnn.page import trained_model  # these take seconds to import
    from chollet_cnn.page.explorer import export

    if options.run:
        model = trained_model.read(options.run, data_dir=options.data_dir)
        print(f"written: {export.write_explorer(model, PAGE)}")
        return 0
    before = PAGE.read_text(encoding="utf-8")
    page = export.render(export.read_description(before))
    if options.check:
        print(f"{PAGE} is {'up to date' if page == before else 'outdated'}")
        return int(page != before)
    files.write(PAGE, page)
    print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    run_cli(main)
