"""Write trained weights as ONNX: what the service runs, without PyTorch.

Run: ``python -m fingerprint.training.export``
"""

import argparse
import hashlib
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file

from fingerprint.embedding.embedder import WEIGHTS as ONNX
from fingerprint.embedding.geometry import FIELD_FRAMES
from fingerprint.spectrum import BINS
from fingerprint.training.network import SegmentNetwork
from fingerprint.training.recordings import WEIGHTS

OPSET: Final = 17


def trained(weights: Path = WEIGHTS) -> SegmentNetwork:
    """The network as it was trained, ready to be used."""
    network = SegmentNetwork()
    network.load_state_dict(load_file(weights))
    return network.eval().fused()


def export(weights: Path, to: Path) -> None:
    """Write the graph: levels of shape (batch, 1, BINS, frames) in, unit vectors out."""
    torch.onnx.export(
        trained(weights),
        (torch.zeros(1, 1, BINS, FIELD_FRAMES),),
        str(to),
        dynamo=False,
        opset_version=OPSET,
        input_names=["levels"],
        output_names=["vectors"],
        dynamic_axes={"levels": {0: "batch", 3: "frames"}, "vectors": {0: "batch", 1: "count"}},
    )


def main() -> None:
    """Export and print the file's SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--out", type=Path, default=ONNX)
    given = parser.parse_args()
    export(given.weights, given.out)
    print(hashlib.sha256(given.out.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
