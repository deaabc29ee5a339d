"""A worked line gives, as it is printed, what it says."""

import html as escaped
import math
import re

import pytest

from chollet_cnn.page import worked

PYTHON = str.maketrans({"·": "*", "−": "-", "√": "sqrt", "²": "**2", "%": None})


def test_every_worked_line_on_the_page_adds_up_as_printed(html):
    names = {
        "sqrt": math.sqrt, "ln": math.log, "sin": math.sin, "π": math.pi, "max": max,
        "ReLU": lambda x: max(x, 0), "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    }  # fmt: skip
    lines = re.findall(r'<p class="worked"[^>]*><span>(.*?)</span>.*?<b>(.*?)</b>', html)
    assert len(lines) >= 50
    for left, right in lines:
        sum_, result = (escaped.unescape(part).replace(",", "") for part in (left, right))
        if left.startswith("the largest of"):
            sum_ = f"max({left.removeprefix('the largest of')})"
        value = eval(sum_.translate(PYTHON), names)
        if "%" in result and "%" not in sum_:
            value *= 100
        places = len(result.rstrip("%").partition(".")[2])
        assert value == pytest.approx(
            float(result.translate(PYTHON)), abs=0.5000001 * 10**-places
        ), (left, right)


def test_terms_get_the_decimals_that_their_sum_needs():
    line = worked.work_out([0.12345, " + ", 0.12345], 0.2469, "{:.4f}".format)
    assert line == worked.Worked("0.12345 + 0.12345", "0.2469")
    assert worked.work_out([0.5, " + ", -0.25], 0.25, "{:.2f}".format).expression == "0.500 − 0.250"


def test_a_line_that_does_not_hold_is_not_printed():
    with pytest.raises(ValueError, match="does not give"):
        worked.work_out([1.0, " + ", 1.0], 3.0, "{:.1f}".format)
