"""Privacy as code: what is kept of whom and for how long, keys per person, erasure, export."""
