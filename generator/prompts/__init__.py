"""Prompts: free text in English, German, French or Spanish to fields of a request."""

from generator.prompts.reading import Understood, understood

__all__ = ["Understood", "understood"]
