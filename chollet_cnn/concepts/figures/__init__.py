"""The figures of the tutorial, one function each, for the computations of the concepts.

Every function draws the tutorial's example, most of them other data too, and returns a matplotlib
Figure for a column of about 700 pixels.
"""
