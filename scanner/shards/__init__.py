"""The reference index spread over machines: each shard holds the references that are its own.

A query goes to all of them (`asking.py`), each answers from a `scanner.catalogue.Catalogue` of its own
references (`server.py`), and the answers become one (`sharded_catalogue.py`). A shard that is away, or is not
what it should be, is no empty one: nothing is told clear without it.
"""
