"""Worked lines: a calculation written out so that what is printed gives what is printed."""

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chollet_cnn.drawing.numbers import MINUS

MOST_PLACES = 9
"""Decimals: a term that needs more than these is not one to check in one's head."""
FUNCTIONS = {"sqrt": math.sqrt, "ln": math.log, "sin": math.sin}
PRINTED = {"·": "*", MINUS: "-", "√": "sqrt", "π": str(math.pi), "²": "**2"}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}


@dataclass(frozen=True)
class Worked:
    """A calculation as it is printed, and its result as it is printed."""

    expression: str
    result: str


def work_out(
    parts: Sequence[str | float], value: float, written: Callable[[float], str], places: int = 3
) -> Worked:
    """Write out a calculation; its terms get as many decimals as its printed result needs.

    Args:
        parts: pieces of the calculation in order: text stays as it is, numbers are rounded.
        value: what comes out, not rounded.
        written: how the result is printed, as a rounded number or a percentage.
        places: the fewest decimals of the terms.

    Raises:
        ValueError: the calculation does not give the value.

    >>> work_out([0.1234, " + ", 0.1234], 0.2468, "{:.3f}".format)
    Worked(expression='0.1234 + 0.1234', result='0.247')
    """
    wanted = written(value)
    for digits in range(places, MOST_PLACES + 1):
        terms = [part if isinstance(part, str) else f"{part:.{digits}f}" for part in parts]
        expression = tidy("".join(terms))
        if tidy(written(evaluate(expression))) == tidy(wanted):
            return Worked(expression, tidy(wanted))
    raise ValueError(f"{expression} does not give {wanted}")


def tidy(expression: str) -> str:
    """Write true minus signs, and a negative term as a subtraction.

    >>> tidy("2·3 + -4 - 1")
    '2·3 − 4 − 1'
    """
    return expression.replace("-", MINUS).replace(f"+ {MINUS}", f"{MINUS} ")


def evaluate(expression: str) -> float:
    """Compute an expression as it is printed.

    >>> evaluate("(1,024 − 24)/4"), evaluate("√(2·8)"), evaluate("−ln(1)")
    (250.0, 4.0, -0.0)
    """
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", expression)
    for printed, python in PRINTED.items():
        text = text.replace(printed, python)
    return _value(ast.parse(text.strip(), mode="eval").body)


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant():
            return node.value
        case ast.UnaryOp():
            return OPERATORS[type(node.op)](_value(node.operand))
        case ast.BinOp():
            return OPERATORS[type(node.op)](_value(node.left), _value(node.right))
        case ast.Call(func=ast.Name(id=name)):
            return FUNCTIONS[name](*map(_value, node.args))
    raise ValueError(f"cannot compute {ast.dump(node)}")
