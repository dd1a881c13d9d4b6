"""What the service runs says what was trained."""

import hashlib
import re

import numpy as np
import torch

from fingerprint.composition import hearing
from fingerprint.composition.embedder import work_vectors
from fingerprint.composition.geometry import PITCH_CLASSES, REACH, STRIDE
from fingerprint.composition.tones import SCALE, VOICES, Tones
from fingerprint.embedding import embedder
from fingerprint.embedding.geometry import CONTEXT_FRAMES, HOP_FRAMES
from fingerprint.spectrum import BINS, MARGIN
from fingerprint.training.export import GRAPHS, trained
from fingerprint.training.network import levelled


def test_the_exported_network_gives_the_vectors_of_the_trained_one():
    random = np.random.default_rng(1)
    frames = embedder.BLOCK + 40 * HOP_FRAMES  # more than one block
    spectra = (random.normal(size=(frames, BINS + 2 * MARGIN)) * 12 - 50).astype(np.float32)
    padded = np.pad(spectra, ((CONTEXT_FRAMES, CONTEXT_FRAMES), (0, 0)), mode="edge")
    with torch.inference_mode():
        wanted = trained("recordings")(levelled(torch.from_numpy(padded.T.copy())[None]))[0].numpy()
    np.testing.assert_allclose(embedder.vectors(spectra), wanted, atol=1e-5)


def test_tones_and_works_come_out_of_the_exported_networks_as_of_the_trained_ones():
    random = np.random.default_rng(2)
    frames = (hearing.BLOCK + 30) * STRIDE  # more than one block
    spectra = (random.normal(size=(frames, BINS + 2 * MARGIN)) * 12 - 50).astype(np.float32)
    around = CONTEXT_FRAMES + REACH
    padded = np.pad(spectra, ((around, around), (0, 0)), mode="edge")
    with torch.inference_mode():
        wanted = trained("tones")(levelled(torch.from_numpy(padded.T.copy())[None]))[0].numpy()
    tones = hearing.heard(spectra)
    told = hearing.folded(wanted) * SCALE
    np.testing.assert_allclose(tones.shares() * SCALE, told, atol=0.51)

    levels = random.integers(0, int(SCALE) + 1, (len(tones), VOICES, PITCH_CLASSES))
    played = Tones(levels.astype(np.uint8))
    with torch.inference_mode():
        looked_up, followed = trained("compositions")(torch.from_numpy(played.shares())[None])
    vectors = work_vectors(played)
    np.testing.assert_allclose(vectors.looked_up / 127, looked_up[0], atol=0.005)
    np.testing.assert_allclose(vectors.followed / 127, followed[0].flatten(1), atol=0.005)


def test_the_card_names_the_weights_that_lie_beside_it():
    card = (embedder.WEIGHTS.parent / "README.md").read_text()
    for graph in GRAPHS.values():
        for file in (graph.onnx.with_suffix(".safetensors"), graph.onnx):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            assert re.search(rf"`{file.name}`\s+`{digest}`", card), file.name
