"""What the book's notebooks print while they train, a line an epoch, to lay our curves beside.

Source: the companion notebooks of the first edition, 5.1 and 5.2, run by the book's author with
Keras 2.0.8. The later editions' notebooks carry no outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

QUANTITIES = ("loss", "accuracy", "val_loss", "val_accuracy")
"""A curve's columns, named as in ``history.csv``; the last two only where a notebook validates."""


def _columns(text: str) -> dict[str, tuple[float, ...]]:
    lines = [map(float, line.split()) for line in text.strip().splitlines()]
    return dict(zip(QUANTITIES, zip(*lines, strict=True), strict=False))


CURVES: dict[str, dict[str, tuple[float, ...]]] = {
    "mnist-first-edition": _columns("""
        0.1766 0.9440
        0.0462 0.9855
        0.0322 0.9902
        0.0241 0.9926
        0.0187 0.9943
    """),
    "cats-vs-dogs-first-edition": _columns("""
        0.6898 0.5285 0.6724 0.5950
        0.6543 0.6340 0.6565 0.5950
        0.6143 0.6690 0.6116 0.6650
        0.5626 0.7125 0.5774 0.6970
        0.5266 0.7335 0.5726 0.6960
        0.5007 0.7550 0.6075 0.6580
        0.4723 0.7840 0.5516 0.7060
        0.4521 0.7875 0.5724 0.6980
        0.4163 0.8095 0.5653 0.7140
        0.3988 0.8185 0.5508 0.7180
        0.3694 0.8385 0.5712 0.7300
        0.3385 0.8465 0.6097 0.7110
        0.3229 0.8565 0.5827 0.7150
        0.2962 0.8720 0.5928 0.7190
        0.2684 0.9005 0.5921 0.7190
        0.2509 0.8980 0.6148 0.7250
        0.2221 0.9110 0.6487 0.7010
        0.2021 0.9250 0.6185 0.7300
        0.1824 0.9310 0.7713 0.7020
        0.1579 0.9425 0.6657 0.7260
        0.1355 0.9550 0.8077 0.7040
        0.1247 0.9545 0.7726 0.7080
        0.1111 0.9585 0.7387 0.7220
        0.0932 0.9710 0.8196 0.7050
        0.0707 0.9790 0.9012 0.7190
        0.0625 0.9855 1.0437 0.6970
        0.0611 0.9820 0.9831 0.7060
        0.0488 0.9865 0.9721 0.7310
        0.0375 0.9915 0.9987 0.7100
        0.0387 0.9895 1.0139 0.7240
    """),
}
"""The printed curves by recipe, each quantity a tuple with a number an epoch."""


def best_epoch(curve: Mapping[str, Sequence[float]]) -> int:
    """Return the epoch, counted from 1, after which a printed validation loss is lowest.

    >>> best_epoch(CURVES["cats-vs-dogs-first-edition"])
    10
    """
    losses = curve["val_loss"]
    return losses.index(min(losses)) + 1
