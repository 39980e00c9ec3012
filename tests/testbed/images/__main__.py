"""`python -m tests.testbed.images`: build all images and print their names and archives."""

from __future__ import annotations

import sys

from tests.testbed.images import ImageError, ImagesUnavailable, operator_image


def main() -> int:
    """Build what is not in the cache."""
    try:
        images = [operator_image(_say)]
    except (ImagesUnavailable, ImageError) as error:
        _say(str(error))
        return 1
    for image in images:
        print(image.reference, image.archive)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
