lock:            ## resolve requirements.lock again (needs uv on PATH)
	uv pip compile --quiet --generate-hashes --extra dev --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links \
	  $$(uv pip compile --quiet --extra dev --python-version 3.11 --no-header --no-annotate pyproject.toml \
	     | sed -nE 's/^((nvidia|cuda|torch|triton)[a-z0-9-]*)==.*/--no-emit-package \1/p') \
	  pyproject.toml -o requirements.lock
