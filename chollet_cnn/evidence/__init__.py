"""Do the book's numbers come back? Recorded runs, and published figures beside them."""
