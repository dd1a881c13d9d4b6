"""More requests than one installation can take, and what it answers then.

``make load``: Locust, in a process of its own on the loopback, against ``clearance serve`` with its workers on
PostgreSQL. First the capacity is measured, then uploads of real tracks, reads of their state and verdicts of
reviewers come at once, twice and five times that rate, then a flood of reads, then the same rate again. What
can't be taken must be refused with 429 or 503 and a ``Retry-After``, and what was accepted must be decided.
"""
