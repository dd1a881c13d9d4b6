"""Run the built-in engine's test for memorised pieces and write its result beside the weights.

Run: ``python -m generator.training.memorisation``.
"""

import json
import time

from generator import engine
from generator.memorisation import RESULT, tested


def main() -> None:
    """Test it."""
    result = tested(engine())
    result["tested_at"] = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
