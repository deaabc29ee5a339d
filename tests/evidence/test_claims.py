"""The command prints every published figure and writes what is made from the runs."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from chollet_cnn import claims
from chollet_cnn.book.published import CLAIMS
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records


@pytest.fixture
def runs_alone(tmp_path):
    """A folder with runs.csv and nothing else."""
    records.read_table(records.RESULTS, records.RUNS).to_csv(tmp_path / "runs.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("options", [[], ["--epochs"]])
def test_the_tables_fit_100_columns(options, capsys):
    assert claims.main(options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    kinds = records.read().runs.drop_duplicates(["recipe", *records.KIND])["recipe"].value_counts()
    figures = sum(kinds.get(c.recipe, 1) for c in CLAIMS if options or c.epoch is None)
    ends = ("inside", "above", "below", "too few")
    assert sum(line.endswith(ends) and ": " not in line for line in lines) == figures


def test_wide_shows_every_column(capsys):
    assert claims.main(["--wide"]) == 0
    assert "95% confidence interval of the mean" in capsys.readouterr().out


def test_everything_is_written_from_runs_alone(runs_alone, capsys):
    assert claims.main(["--results", str(runs_alone), "--write"]) == 0
    assert (
        "Printed curves:\n  MNIST, first edition, 0 runs: not enough seeds"
        in capsys.readouterr().out
    )
    assert len(pd.read_csv(runs_alone / "claims.csv")) >= len(CLAIMS)
    assert (runs_alone / "README.md").read_text().count("Not enough runs yet.")
    assert (runs_alone / "figures" / "seeds.png").is_file()
    assert json.loads((runs_alone / "answer.json").read_text())["figures"]


def test_a_folder_without_runs_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"runs\.csv cannot be read .*--results"):
        claims.main(["--results", str(tmp_path)])


def test_a_reader_that_has_read_enough_ends_the_command_without_a_traceback():
    done = subprocess.run(
        f"{sys.executable} -m chollet_cnn.claims | true", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""
