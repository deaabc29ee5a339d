"""Pack an array into text for the page: bytes apart, deflated, base64."""

import zlib
from base64 import b64encode

import numpy as np


def pack(array: np.ndarray) -> dict[str, str]:
    """Return an array as JSON that ``data.js`` unpacks into a flat typed array.

    The first bytes of all numbers stand together, then all second bytes and so on: the bytes with
    sign and exponent are alike and deflate well.

    Args:
        array: uint8, uint16, float16 or float32, of any shape.
    """
    flat = np.ascontiguousarray(array).ravel()
    little = flat.astype(flat.dtype.newbyteorder("<"))
    apart = little.view(np.uint8).reshape(-1, flat.itemsize).T.tobytes()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(apart) + deflate.flush()
    return {"dtype": flat.dtype.name, "data": b64encode(packed).decode()}
