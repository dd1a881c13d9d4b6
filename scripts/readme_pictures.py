"""Makes the README's pictures from the screenshots that the tests of the console leave: ``python -m scripts.readme_pictures``."""

from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).parents[1]
SCREENSHOTS: Final = ROOT / ".screenshots"
PICTURES: Final = ROOT / "docs" / "pictures"
SIZE: Final = (960, 720)
"""Width and height at most, in pixels; what is longer is cut off at the bottom."""
SHOWN: Final = (
    "queue-wide",
    "case-wide",
    "creator-track-found-wide",
    "creator-parent-wide",
    "holder-reference-wide",
    "lead-dashboards-wide",
)


def main() -> None:
    """Write each picture anew."""
    PICTURES.mkdir(exist_ok=True)
    for name in SHOWN:
        path = SCREENSHOTS / f"{name}.png"
        if not path.exists():
            raise SystemExit(f"{path} is not there: run pytest tests/console first")
        with Image.open(path) as image:
            width, height = SIZE
            scaled = image.convert("RGB").resize(
                (width, round(image.height * width / image.width)), Image.Resampling.LANCZOS
            )
        scaled.crop((0, 0, width, min(height, scaled.height))).save(
            PICTURES / f"{name}.webp", quality=80, method=6
        )


if __name__ == "__main__":
    main()
