"""Chapters on the reader's own networks: their layers, how they learned, what they get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from chollet_cnn.analysis import learning_curves, mistakes
from chollet_cnn.analysis import network_diagram as network_figures
from chollet_cnn.book import published
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import as_published
from chollet_cnn.page.chapter import Chapter, Picture, percent, program, whole
from chollet_cnn.page.trained_model import TrainedModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HARDER = {
    "augmentation": "they are changed at random (augmentation)",
    "dropout": "numbers inside the network are left out at random (dropout)",
}
"""What makes a network's own pictures harder than new ones, by the network's option."""


def chapters(subjects: Sequence[TrainedModel]) -> Iterator[Callable[[], Chapter]]:
    """Yield what makes each chapter, in the order of the page."""
    if not subjects:
        yield train_one
        return
    yield partial(whole_network, subjects)
    yield partial(trained, subjects)


def train_one() -> Chapter:
    """Without a run: how to get one."""
    return Chapter(
        slug="train-one",
        title="A network of your own",
        short="Train your own",
        question="All this was done by hand. What does a network make of it that learns?",
    )


def whole_network(subjects: Sequence[TrainedModel]) -> Chapter:
    """Every volume of a network, to scale, and what each layer costs and sees."""
    return Chapter(
        slug="the-whole-network",
        title="The whole network",
        short="The whole network",
        question="What does it look like with all its layers in a row?",
        content={"sections": [_anatomy(subject) for subject in subjects]},
    )


def _anatomy(subject: TrainedModel) -> dict[str, object]:
    table = subject.layers
    learned = table[table["parameters"] > 0].to_dict("records")
    heaviest = max(learned, key=lambda layer: layer["parameters"])
    total = sum(layer["parameters"] for layer in learned)
    last = table.iloc[-1]
    volumes = [shape for shape in table["output_shape"] if len(shape) == 3]
    return {
        "name": subject.name,
        "drawing": Picture(
            f"{subject.slug}-volume-by-volume",
            network_figures.plot_network(subject.model),
            table,
            f"The network {subject.name} from top to bottom: boxes that get smaller and deeper, "
            f"then bars, and {last['output_shape'][0]} numbers at the end.",
            f"The sides shrink from {volumes[0][0]} to {volumes[-1][0]} while the depth grows from "
            f"{volumes[0][2]} to {volumes[-1][2]}: fewer and fewer places, each with more to say.",
        ),
        "rows": [
            (
                layer["layer"],
                " × ".join(map(whole, layer["output_shape"])),
                whole(layer["parameters"]),
                _pixels(layer["receptive_field"]),
                whole(layer["multiply_accumulates"]),
            )
            for layer in table.to_dict("records")
        ],
        "parameters": " + ".join(whole(layer["parameters"]) for layer in learned),
        "total": total,
        "heaviest": heaviest["layer"],
        "heaviest_share": heaviest["parameters"] / total,
        "work": int(table["multiply_accumulates"].sum()),
        "sees": _pixels(last["receptive_field"]),
        "sees_all": last["receptive_field"] == subject.picture.shape[0],
        "side": subject.picture.shape[0],
        "call": program(
            [
                "from chollet_cnn.training import runs",
                "from chollet_cnn.analysis.layer_table import layer_table",
            ],
            subject.model_code,
            "layer_table(model)",
        ),
    }


def _pixels(size: int | tuple[int, int]) -> str:
    """Write a receptive field: one number, or rows and columns where they differ."""
    return " × ".join(map(str, size)) if isinstance(size, tuple) else f"{size}"


def trained(subjects: Sequence[TrainedModel]) -> Chapter:
    """How the accuracy grew, where it ended, what the network still gets wrong."""
    return Chapter(
        slug="the-networks-trained",
        title="The networks, trained",
        short="Training",
        question="How did it get this good, and what does it still get wrong?",
        content={"sections": [_training(subject) for subject in subjects]},
    )


def _training(subject: TrainedModel) -> dict[str, object]:
    run, metrics, history = subject.run, subject.run.metrics, subject.run.history
    settings = run.config["settings"]
    watched = run.config["watched"].removesuffix(" set")
    first, last = history.iloc[0], history.iloc[-1]
    options = settings.get("network_options", {})
    gap = gap_words(last["accuracy"], last["val_accuracy"], watched, options)
    return {
        "name": subject.name,
        "curves": Picture(
            f"{subject.slug}-learning-curves",
            _curves(subject, watched),
            history,
            f"Accuracy and loss of {subject.name} by epoch: training accuracy from "
            f"{percent(first['accuracy'], 1)} to {percent(last['accuracy'], 1)}, {watched} to "
            f"{percent(last['val_accuracy'], 1)}.",
            " ".join(filter(None, (gap, tested_words(metrics), dashed_words(subject)))),
        ),
        "steps": settings.get("steps_per_epoch"),
        "batch": settings.get("batch_size"),
        "right": metrics["test_pictures"] - subject.wrong,
        "wrong": subject.wrong,
        "pictures": metrics["test_pictures"],
        "accuracy": metrics["test_accuracy"],
        "book": book_words(subject),
        "mistakes": _mistakes(subject) if subject.test is not None else None,
        "why_no_test": subject.why_no_test,
        "call": program(
            ["from chollet_cnn.training import runs"],
            f"run = runs.read({str(run.path)!r})",
            f'run.metrics["test_accuracy"]   # {metrics["test_accuracy"]}',
            "run.history",
        ),
    }


def gap_words(training: float, watched: float, name: str, options: Mapping[str, object]) -> str:
    """Say what the two ends of a learning curve mean, from how far they lie apart.

    Args:
        training: accuracy at the end on the pictures that it learned from, 0..1.
        watched: accuracy at the end on the pictures watched beside them.
        name: what those are.
        options: how the recipe builds its network.
    """
    points = 100 * (training - watched)
    harder = ", and ".join(words for option, words in HARDER.items() if options.get(option))
    own = f" Its own pictures are made harder: {harder}." if harder else ""
    ends = f"The curves end {abs(points):.1f} points apart. "
    if points > 5:
        return ends + (
            "The network answers its own pictures better than new ones: part of what it learned "
            "holds for them alone, as if learned by heart. This is called overfitting."
        )
    if points < 0:
        return ends + (
            f"The {name} curve is the higher one: training accuracy is counted while the network "
            f"is still learning, the other at the end of the epoch.{own}"
        )
    return ends + f"New pictures are answered nearly as well as its own.{own}"


def tested_words(metrics: Mapping[str, object]) -> str:
    """Say which epoch's weights were tested, where they are not those of the curves' end."""
    judged = metrics.get("judged_epoch", metrics["epochs"])
    if judged == metrics["epochs"]:
        return ""
    words = (
        f"The weights tested are those of epoch {judged}, where the validation loss was lowest; "
        "later epochs do not count."
    )
    last = metrics.get("last_epoch_test_accuracy")
    if last is None:
        return words
    return f"{words} (After the last epoch the test accuracy is {percent(last, 2)}.)"


def _printed(subject: TrainedModel) -> tuple[str, Mapping[str, Sequence[float]]]:
    """Return the prefix of the split that the book prints, ``val_`` or none, and its curve."""
    claim, recipe = subject.run.metrics["published"], subject.run.config["recipe"]
    curve = published.CURVES.get(recipe, {}) if claim else {}
    return ("val_" if "val_loss" in curve else ""), curve


def dashed_words(subject: TrainedModel) -> str:
    """Say what the dashed curve is, where the book prints one."""
    split, curve = _printed(subject)
    kind = "validation" if split else "training"
    return f"Dashed is the {kind} curve that the book's notebook prints." if curve else ""


def _curves(subject: TrainedModel, watched: str) -> Figure:
    """Draw accuracy above loss, with what the book gives of them."""
    run = subject.run
    split, curve = _printed(subject)
    figure = style.new_figure(sheet.WIDTH, 6.6)
    above, below = figure.subplots(2, 1)
    learning_curves.plot_learning_curve(
        run.history,
        title="accuracy: the more, the better",
        watched=watched,
        book=curve.get(f"{split}accuracy"),
        axes=above,
    )
    learning_curves.plot_learning_curve(
        run.history,
        "loss",
        title="loss: the less, the better",
        watched=watched,
        book=curve.get(f"{split}loss"),
        axes=below,
    )
    return figure


def book_words(subject: TrainedModel) -> str:
    """Say how a run compares with the book, or why it is not compared."""
    config, metrics = subject.run.config, subject.run.metrics
    claim = metrics["published"]
    if config["changed"]:
        names = ", ".join(name.replace("_", " ") for name in config["changed"])
        return f"The recipe was changed ({names}), so it is not compared with the book."
    if claim:
        kind = {"test_accuracy": "test", "val_accuracy": "validation"}[claim["quantity"]]
        ours = metrics[claim["quantity"]]
        book = as_published(claim["quantity"], claim["value"], claim["step"])
        return (
            f"The book gives {book} {kind} accuracy ({claim['source']}); this run reached "
            f"{percent(ours, 2)}, {_apart(ours, claim)}."
        )
    if config["recipe"] == "mnist-three-block":
        return (
            "This network pools three times, as one of the articles about the book has it; the "
            "book's own pools twice and is one word away: mnist-first-edition."
        )
    return "The book gives no figure for this recipe that we know of."


def _apart(ours: float, claim: Mapping[str, object]) -> str:
    """Say how far a run lies from the book's figure, no finer than the figure is given."""
    difference = ours - claim["value"]
    if round(abs(difference) / claim["step"], 6) <= 0.5:
        return "which agrees"
    apart = as_published(claim["quantity"], abs(difference), claim["step"]).rstrip("%")
    return f"{apart} {'point' if apart == '1' else 'points'} {'more' if difference > 0 else 'less'}"


def _mistakes(subject: TrainedModel) -> dict[str, object]:
    labels, shares = subject.test.labels, subject.probabilities
    confusion = mistakes.confusion_matrix(labels, shares, subject.classes)
    surest = mistakes.most_confident_errors(labels, shares, subject.classes, count=18)
    reliability = mistakes.reliability(labels, shares)
    apart = mistakes.expected_calibration_error(reliability)
    found = {
        "confusion": Picture(
            f"{subject.slug}-confusion-matrix",
            mistakes.plot_confusion_matrix(confusion),
            confusion.reset_index(),
            f"A table of what {subject.name} answered for each of its classes; "
            f"{int(confusion.to_numpy().trace()):,} answers lie on the diagonal.",
            "A row is what the pictures show, a column what the network said. Off the diagonal "
            "are the mistakes.",
        ),
        "reliability": Picture(
            f"{subject.slug}-reliability",
            mistakes.plot_reliability(reliability),
            reliability,
            f"How often {subject.name} is right for each degree of sureness, against the diagonal.",
            "On the dashed line, of the answers given with 80% four in five are right. Below "
            "it the network claims too much. On average the two lie "
            f"{100 * apart:.1f} points apart.",
        ),
    }
    if len(surest):
        found["surest"] = Picture(
            f"{subject.slug}-surest-mistakes",
            mistakes.plot_most_confident_errors(surest, subject.test.images),
            surest,
            f"{len(surest)} pictures that {subject.name} got wrong, with its answer and the truth.",
            "Some of these a person would get wrong too. Others show what the network never "
            "learned to look at.",
        )
    if len(subject.classes) == 2:
        curve = mistakes.roc_curve(labels, shares)
        found["roc"] = Picture(
            f"{subject.slug}-roc-curve",
            mistakes.plot_roc(curve, mistakes.area_under_curve(labels, shares), subject.classes),
            curve,
            f"How many of the second class {subject.name} finds, against how many of the first it "
            "takes for it.",
            "Ask for less certainty and it finds more, and is wrong more often: the curve shows "
            "every bargain there is.",
        )
    return found


def opening(subjects: Sequence[TrainedModel]) -> dict[str, object]:
    """Say what came out of the reader's runs: the first screen of the page."""
    inside = "; then your own, from the inside" if subjects else ""
    lead = (
        "What such a network does to a picture, in numbers that you can check in your head"
        f"{inside}. All of it was computed and drawn on your machine."
    )
    return {
        "title": "What a convolutional network does, number by number",
        "lead": lead,
        "runs": [_facts(subject) for subject in subjects],
        "closing": "The operations follow four articles about the networks of François Chollet's "
        "Deep Learning with Python. Made with chollet_cnn; beside this page, in figures/, lies "
        "each figure with the numbers it was drawn from.",
    }


def _facts(subject: TrainedModel) -> dict[str, object]:
    metrics, environment = subject.run.metrics, subject.run.environment
    side = subject.picture.shape[0]
    what = "digits" if subject.of_digits else "pictures"
    judged = f"test accuracy, {whole(metrics['test_pictures'])} {what}"
    sees = _pixels(subject.layers.iloc[-1]["receptive_field"])
    facts = [
        (percent(metrics["test_accuracy"], 2), "", judged),
        (whole(subject.wrong), "", f"{what} it gets wrong"),
        (whole(metrics["parameters"]), "", "parameters"),
        (sees, "px", f"of {side} across, seen by one last unit"),
    ]
    on_cpu = environment["device"] == "cpu"
    where = environment["processor" if on_cpu else "device_name"]
    remarks = [
        f"{metrics['epochs']} epoch{'s' * (metrics['epochs'] != 1)} on {metrics['dataset']} in "
        f"{_duration(metrics['train_seconds'])} ({where}).",
        tested_words(metrics),
        book_words(subject),
    ]
    return {
        "name": subject.name,
        "facts": [{"value": v, "unit": unit, "words": words} for v, unit, words in facts],
        "remark": " ".join(filter(None, remarks)),
    }


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"
