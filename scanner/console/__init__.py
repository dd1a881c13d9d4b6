"""The console: pages for people, where the API is for programs.

In goes a browser's request with its session cookie; out comes a page, or a fragment of one, in the
person's language and with what their role may see. ``router`` holds every page, ``install`` mounts
them with their static files.
"""

from scanner.console.application import install, router

__all__ = ["install", "router"]
