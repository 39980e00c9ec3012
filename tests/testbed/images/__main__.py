"""`python -m tests.testbed.images`: build all images and print their names and archives."""

from __future__ import annotations

import sys

from tests.testbed.images import ImageError, ImagesUnavailable, operator_image, tgi_image, vllm_image


def main() -> int:
    """Build what is not in the cache."""
    try:
        images = [make(_say) for make in (operator_image, tgi_image, vllm_image)]
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
