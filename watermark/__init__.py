"""Samples in, marked samples and payloads out; provenance manifests.

Nothing is in this package yet: the analysis says ``"watermark": "not_run"`` and no rule may take
that for an answer.
"""
