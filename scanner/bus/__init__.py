"""Moves journalled events to the handlers: at least once, in order for each subject.

`relay` seals the journal and publishes it; `embedded` and `kafka` are the two transports;
`dispatch` is the one piece of code through which both of them call a handler.
"""
