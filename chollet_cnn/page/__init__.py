"""The tutorial page: each chapter asks a question, shows a figure, works out a number.

:mod:`~chollet_cnn.page.build` puts the page together and has the list of its chapters; a chapter is
a pair of files in ``chapters/``, see :mod:`~chollet_cnn.page.chapter`.
:mod:`~chollet_cnn.page.trained_model` reads a run for them, :mod:`~chollet_cnn.page.figure` makes
figures fit for the page and for files, :mod:`~chollet_cnn.page.worked` writes out calculations.
"""

from chollet_cnn.training.devices import start_keras

# Analyses import Keras; started here, it writes nothing to the terminal.
start_keras()
