"""The pages, a module for what belongs together; each has its ``router``."""
