"""The articles' arrays, random arrays, and what the property tests draw from."""

import json
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

ARTICLE = json.loads((Path(__file__).parents[1] / "data" / "article-arrays.json").read_text())
IMAGE = np.array(ARTICLE["image_16x16"])

some = settings(max_examples=40, deadline=None, derandomize=True)
sizes = st.integers(1, 12)
small = st.integers(1, 4)
pairs = st.tuples(small, small)
borders = st.tuples(*[st.one_of(st.integers(0, 3), st.sampled_from(["valid", "same"]))] * 2)
modes = st.sampled_from(["full", "same", "valid"])
seeds = st.integers(0, 1000)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)
