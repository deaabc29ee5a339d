"""What a convolutional network computes, by hand: small functions of NumPy arrays.

Read them in this order.

- :mod:`~chollet_cnn.concepts.images`: a picture is an array of numbers
- :mod:`~chollet_cnn.concepts.convolution`: a window slides over it, multiplies and adds
- :mod:`~chollet_cnn.concepts.kernels`: the numbers in the window, made by hand
- :mod:`~chollet_cnn.concepts.pooling`: of a few neighbours, keep one number
- :mod:`~chollet_cnn.concepts.geometry`: sizes, parameters, and how far one unit sees
- :mod:`~chollet_cnn.concepts.neurons`: dense layers, activations, probabilities, shared weights

Nothing here is fast enough to train with and nothing here knows Keras, but where a Keras layer does
the same, it gives the same numbers with the same weights; the tests compare them.
"""
