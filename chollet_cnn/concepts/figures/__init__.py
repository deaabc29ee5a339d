"""The figures of the tutorial, one function each, for the computations of the concepts.

Every function takes the data that it draws, by default the tutorial's example, and returns a
matplotlib Figure for a column of about 700 pixels.
"""
