"""Strategies that damage what a reader of files is given."""

import copy

from hypothesis import strategies as st

from chollet_cnn.errors import UserError

ODD_TEXTS = (
    "", "../../x", "/etc/passwd", "$x_1$", "$\\frac$", "<script>alert(1)</script>", "{{ 7 * 7 }}",
    "\x1b[2J", "a\nb", "\ud800", "\u202e", "x" * 100_000, "nan", "None", "C:\\x", "٣",
)  # fmt: skip
ODD_NUMBERS = (
    -1, 0, 1, 2, 0.5, -0.0, 1e300, 5e-324, 2**31, 2**63, 10**400, float("nan"), float("inf"),
)  # fmt: skip


def nested(depth):
    """Return lists inside one another."""
    content = []
    for _ in range(depth):
        content = [content]
    return content


def ask(reader, *arguments, refuses=UserError):
    """Call a reader; return what it gives and nothing, or None and why it refuses."""
    try:
        return reader(*arguments), ""
    except refuses as problem:
        return None, str(problem) or type(problem).__name__


ODD = st.one_of(
    st.sampled_from([None, True, False, [], {}, [[]], {"": {}}, [None], [1, 2, 3], ["a", "a"]]),
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_NUMBERS),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.sampled_from([30, 300]).map(lambda depth: nested(depth)),
    st.sampled_from([list(map(str, range(count))) for count in (1, 9, 11, 2000)]),
)


def _places(content, path=()):
    """Return the path of every value inside JSON content, the deepest aside."""
    if len(path) > 8:
        return []
    inner = content.items() if isinstance(content, dict) else ()
    inner = enumerate(content) if isinstance(content, list) else inner
    return [path] * bool(path) + [p for key, v in inner for p in _places(v, (*path, key))]


@st.composite
def damaged_json(draw, content):
    """Return JSON content with one to three values replaced, removed or added."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        if not (places := _places(content)):
            break
        *path, last = draw(st.sampled_from(places))
        holder = content
        for key in path:
            holder = holder[key]
        what = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if what == "remove":
            del holder[last]
        elif what == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(ODD_TEXTS))] = copy.deepcopy(draw(ODD))
        else:
            holder[last] = copy.deepcopy(draw(ODD))
    return content


@st.composite
def damaged_bytes(draw, whole):
    """Return bytes with some of them changed, left out, repeated or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        # The head and the end of a file, where formats keep their sizes, are hit more often.
        near = draw(st.sampled_from(["start", "end", "anywhere"]))
        length = min(len(data), 200) if near != "anywhere" else len(data)
        place = draw(st.integers(0, max(0, length - 1)))
        place = len(data) - 1 - place if near == "end" else place
        what = draw(st.sampled_from(["flip", "flip", "set", "cut", "remove", "insert", "repeat"]))
        if not data:
            break
        if what == "flip":
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif what == "set":
            data[place] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
        elif what == "cut":
            del data[place:]
        elif what == "remove":
            del data[place : place + draw(st.integers(1, 16))]
        elif what == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=16))
        else:
            data += data[place : place + 1000]
    return bytes(data)


@st.composite
def damaged_text(draw, whole):
    """Return a text with one to three of its words replaced."""
    for _ in range(draw(st.integers(1, 3))):
        lines = [line.split(",") for line in whole.split("\n")]
        row = draw(st.integers(0, len(lines) - 1))
        column = draw(st.integers(0, len(lines[row]) - 1))
        odd = st.one_of(st.sampled_from([*ODD_TEXTS, '"', "-1", "1e999", "0x1", "1,1"]), st.text())
        lines[row][column] = draw(odd)
        whole = "\n".join(map(",".join, lines))
    return whole
