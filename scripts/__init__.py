"""Scripts that make this repository's own files, and the demo."""
