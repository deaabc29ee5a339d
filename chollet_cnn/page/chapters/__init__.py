"""The chapters of the tutorial page: a pair of files each, ``content()`` and its template.

To add one, write such a pair and put its name into :data:`chollet_cnn.page.build.OPERATIONS`; one
on the reader's own networks has ``content(models)`` and its name in ``NETWORKS``.
"""
