"""What the service runs says what was trained."""

import hashlib
import re

import numpy as np
import torch

from fingerprint.embedding import embedder
from fingerprint.embedding.geometry import CONTEXT_FRAMES, HOP_FRAMES
from fingerprint.spectrum import BINS, MARGIN
from fingerprint.training import recordings
from fingerprint.training.export import trained
from fingerprint.training.network import levelled


def test_the_exported_network_gives_the_vectors_of_the_trained_one():
    random = np.random.default_rng(1)
    frames = embedder.BLOCK + 40 * HOP_FRAMES  # more than one block
    spectra = (random.normal(size=(frames, BINS + 2 * MARGIN)) * 12 - 50).astype(np.float32)
    padded = np.pad(spectra, ((CONTEXT_FRAMES, CONTEXT_FRAMES), (0, 0)), mode="edge")
    with torch.inference_mode():
        wanted = trained()(levelled(torch.from_numpy(padded.T.copy())[None]))[0].numpy()
    np.testing.assert_allclose(embedder.vectors(spectra), wanted, atol=1e-5)


def test_the_card_names_the_weights_that_lie_beside_it():
    card = (embedder.WEIGHTS.parent / "README.md").read_text()
    for file in (recordings.WEIGHTS, embedder.WEIGHTS):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert re.search(rf"`{file.name}`\s+`{digest}`", card), file.name
