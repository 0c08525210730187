"""A second, independent way to the findings: brute force over the whole timeline, slow and plain.

`oracle.findings` and `oracle.scores` answer from the documents alone; `scenarios` makes hard timelines to compare with.
"""
