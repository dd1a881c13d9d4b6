"""Live streams: what is on, said while it is on, and a cue sheet at the end."""
