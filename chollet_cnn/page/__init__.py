"""The chapters of the tutorial page: each asks a question, shows a picture, works out a number.

Read :mod:`~chollet_cnn.page.chapter` first, it says what a chapter is made of. Then, in the page's
order: ``operations`` (pictures, convolution, kernels), ``shrinking`` (strides, pooling, receptive
fields), ``layers`` (what a network is built of), ``networks`` (yours, and how it was trained),
``inside`` (its maps of a picture), ``looking`` (what its filters look for, where it looked) and
``reproduction``. :mod:`~chollet_cnn.page.trained_model` reads a run for them.
The words stand in ``templates/``, a file a chapter; the numbers in them are computed here.
"""
