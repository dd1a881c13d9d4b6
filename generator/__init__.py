"""A request in, a take out: stems, MIDI, mix and lineage.

Nothing is in this package yet; the service has no route that would need it.
"""
