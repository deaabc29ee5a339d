"""What a convolutional network computes, by hand: small functions of NumPy arrays.

Read them in this order.

- :mod:`~chollet_cnn.concepts.images`: an image is an array of numbers
- :mod:`~chollet_cnn.concepts.convolution`: a window slides over it, multiplies and adds
- :mod:`~chollet_cnn.concepts.kernels`: the numbers in the window, made by hand
- :mod:`~chollet_cnn.concepts.pooling`: keep one number of a few neighbours
- :mod:`~chollet_cnn.concepts.geometry`: sizes, parameters, receptive fields
- :mod:`~chollet_cnn.concepts.neurons`: dense layers, activations, probabilities, shared weights

Nothing here uses Keras, and nothing is fast enough for training; but a Keras layer with the same
weights gives the same numbers, which the tests check.
"""
