"""The service: intake, pipeline, bus, database, API, console and command line."""
