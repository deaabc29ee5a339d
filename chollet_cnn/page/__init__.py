"""The tutorial page and the explorer."""
