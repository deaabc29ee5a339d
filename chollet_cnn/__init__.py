"""The convolutional networks of Chollet's *Deep Learning with Python*, to run, open and check.

Nothing heavy is imported here: each command answers ``--help`` at once, and Keras is loaded by the
functions that need it.
"""

import os

__version__ = "0.1.0"

# TensorFlow logs its start-up to everybody's terminal unless it is told otherwise beforehand.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
