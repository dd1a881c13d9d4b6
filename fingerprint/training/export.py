"""Write trained weights as ONNX: what the service runs, without PyTorch.

Run: ``python -m fingerprint.training.export recordings`` (or ``tones``, or ``compositions``)
"""

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fingerprint.composition import embedder as works
from fingerprint.composition import hearing
from fingerprint.composition.geometry import FIELD_TONES, PITCH_CLASSES, REACH
from fingerprint.composition.tones import VOICES
from fingerprint.embedding.embedder import WEIGHTS as RECORDINGS
from fingerprint.embedding.geometry import FIELD_FRAMES
from fingerprint.spectrum import BINS
from fingerprint.training.compositions.network import ToneNetwork, WorkNetwork
from fingerprint.training.network import SegmentNetwork

OPSET: Final = 17


@dataclass(frozen=True)
class Graph:
    """One network as the service runs it.

    Attributes
    ----------
    network : callable
        Makes it without weights.
    given : Tensor
        The shortest input.
    axis : int
        Which of its axes is time.
    names : tuple of str
        Of the input and the outputs.
    onnx : Path
        Where it goes; the trained weights lie beside it.
    """

    network: Callable[[], nn.Module]
    given: Tensor
    axis: int
    names: tuple[str, ...]
    onnx: Path


GRAPHS: Final = {
    "recordings": Graph(
        SegmentNetwork,
        torch.zeros(1, 1, BINS, FIELD_FRAMES),
        3,
        ("levels", "vectors"),
        RECORDINGS,
    ),
    "tones": Graph(
        ToneNetwork,
        torch.zeros(1, 1, BINS, 2 * REACH + 1),
        3,
        ("levels", "probabilities"),
        hearing.WEIGHTS,
    ),
    "compositions": Graph(
        WorkNetwork,
        torch.zeros(1, VOICES, PITCH_CLASSES, FIELD_TONES),
        3,
        ("tones", "looked_up", "followed"),
        works.WEIGHTS,
    ),
}


def trained(name: str, weights: Path | None = None) -> nn.Module:
    """A network as it was trained, ready to be used."""
    graph = GRAPHS[name]
    network = graph.network()
    network.load_state_dict(load_file(weights or graph.onnx.with_suffix(".safetensors")))
    network.eval()
    return network.fused() if isinstance(network, SegmentNetwork) else network


def export(name: str, weights: Path | None = None, to: Path | None = None) -> Path:
    """Write a graph whose batch and time may have any length; return where."""
    graph = GRAPHS[name]
    to = to or graph.onnx
    given, *made = graph.names
    torch.onnx.export(
        trained(name, weights),
        (graph.given,),
        str(to),
        dynamo=False,
        opset_version=OPSET,
        input_names=[given],
        output_names=made,
        dynamic_axes={given: {0: "batch", graph.axis: "frames"}}
        | {output: {0: "batch"} for output in made},
    )
    return to


def main() -> None:
    """Export and print the file's SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(GRAPHS))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    print(hashlib.sha256(export(given.name, given.weights, given.out).read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
