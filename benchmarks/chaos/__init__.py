"""Bad weather on purpose: every part is killed, cut off, filled or lied to while tracks run.

``make chaos TRACKS=200``: the API, the workers, PostgreSQL, a broker that keeps nothing and a store in S3,
each in a process of its own; faults in random order, by a seed that is printed. At the end nothing that
was accepted is lost, nothing was decided twice, and the journal's chain is whole.
"""
