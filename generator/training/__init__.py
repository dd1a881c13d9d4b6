"""Learning melodies from the books that ``score_sources.json`` allows.

Run: ``python -m generator.training`` writes ``generator/weights``; the service never imports this.
"""
