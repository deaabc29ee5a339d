"""Train recipes with many seeds and record every run in results/.

python scripts/run_seeds.py mnist-first-edition mnist-second-edition --seeds 0-9
python scripts/run_seeds.py mnist-second-edition --seeds 0-9 --variant same-weights
python scripts/run_seeds.py cats-vs-dogs-first-edition --seeds 0-4 --copies FOLDER

A recorded seed is not trained again, so the command can be stopped at any time and started again;
an interrupted run continues from its last finished epoch. Every finished run is recorded at once.

--variant changes something; such runs go to results/variants.csv. Every variant belongs to a study,
and chollet_cnn/evidence/studies says what it is. --copies trains each seed twice, on originals.zip
and on copies.zip of a folder, and records the pair in results/copies.csv.

Several runs are trained at once if there are cores for it: each gets two, as the recorded runs had,
since more would help these small networks little and change the last bits. On a GPU it is one run
at a time. --cluster hands the runs to a Ray cluster instead (pip install -e ".[cluster]"), at the
address given or started here, one to a GPU where its nodes have GPUs. With --out, a folder that
every node sees or a URL such as s3://bucket/runs, an interrupted run continues from its last
finished epoch there as well. A node whose versions, kind of processor or images differ from those
of this machine is not used; with --apart it is, and its runs are recorded in results/apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError, integer, run_cli


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    with spinner("starting"):  # these take seconds to import
        from update_results import check_place, update

        from chollet_cnn.evidence import cluster, records, run_many, studies
        from chollet_cnn.training import devices, environment

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("recipes", nargs="+", metavar="RECIPE")
    add("--seeds", default="0-9", help="such as 0-9 or 1,4,7 (default: 0-9)")
    add("--variant", choices=studies.variants(), help="what is changed in every run")
    add("--copies", type=Path, metavar="DIR", help="the folder of originals.zip and copies.zip")
    add("--out", help="where run directories go (default: runs; on a cluster, nowhere)")
    add("--results", type=Path, metavar="DIR",
        help="record in this folder instead of the checkout's results/, for runs on images of "
        "your own; python -m chollet_cnn.claims --results DIR compares them")  # fmt: skip
    add("--processes", type=integer, metavar="N", help="runs at once (default: as many as help)")
    add("--cluster", nargs="?", const="local", metavar="ADDRESS",
        help="let Ray train them, at this address or started here")  # fmt: skip
    add("--apart", action="store_true", help="use nodes that differ, and record their runs apart")
    options = parser.parse_args(argv)
    names = list(dict.fromkeys(recipes.get(name).name for name in options.recipes))
    seeds = run_many.parse_seeds(options.seeds)
    if options.processes is not None and options.processes < 1:
        raise UserError(f"--processes is a whole number of at least 1, not {options.processes}")
    if options.processes is not None and options.cluster:
        raise UserError("--processes is about this machine; with --cluster, Ray counts the cores")
    if options.apart and not options.cluster:
        raise UserError("--apart is about the nodes of a cluster; give --cluster as well")
    check_place(options.results)
    results = options.results or records.RESULTS
    if results.exists() and not results.is_dir():
        raise UserError(f"--results names {results}, which is not a folder")
    with spinner("looking for a GPU"):  # a cluster may have either
        device = None if options.cluster else run_many.find_device()
    jobs = run_many.jobs_left(
        names,
        seeds,
        devices.chosen_backend(),
        device=device,
        variant=options.variant,
        copies_in=options.copies,
        results=results,
        apart=options.apart,
    )
    print(f"runs still to be trained: {len(jobs)}", flush=True)
    if not jobs:
        return 0
    files.check_writable(results / records.RUNS)
    with spinner("checking the images"):
        run_many.check_images(jobs, results)
    at_once = None
    if options.cluster:
        finished = cluster.train_on_cluster(
            options.cluster, jobs, out=options.out, apart=options.apart
        )
    else:
        useful = 1 if device == "gpu" else max(1, environment.cores() // run_many.CORES_PER_RUN)
        at_once = options.processes or useful
        finished = run_many.train_here(jobs, options.out or "runs", at_once)
    lines = run_many.record_all(jobs, finished, results, at_once)
    with spinner("training"):
        for line in lines:
            print(line, flush=True)
            if options.results is None:
                update(results)
    return 0


if __name__ == "__main__":
    run_cli(main)
