"""The pictures of the tutorial: each function draws what one computation of the concepts gives.

Every function takes the data it draws, with the tutorial's own example where none is given, and
returns a matplotlib Figure that is fit for a column of about 700 pixels and for a phone.
"""
