"""The chapters of the tutorial page: a pair of files each, ``content(models)`` and its template.

To add one, write such a pair and put its name into :data:`chollet_cnn.page.build.CHAPTERS`.
"""
