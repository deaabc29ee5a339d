"""The explorer: a page on which the reader draws a digit and sees every number of the network."""
