"""Fixture of packages/preprocess: JPEG files of many kinds as Pillow writes them, and hashes of the pixels it reads.

    python reference/gen_jpeg_fixtures.py packages/preprocess/test/__fixtures__/jpeg.json
"""
import base64
import hashlib
import io
import itertools
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def picture(width, height):
    """Gradients with some noise, and a flat half, where blocks have one coefficient."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    state = (x * 73856093 ^ y * 19349663 ^ c * 83492791) & 0xFFFFFFFF
    noise = (state * 2654435761 & 0xFFFFFFFF) >> 27
    pixels = ((x * 5 + y * 3 + c * 40) % 210 + noise).astype(np.uint8)
    pixels[:, width // 2 :] = (200, 30, 90)
    return Image.fromarray(pixels)


def fixture(name, image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    decoded = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
    return {
        "name": name,
        "jpeg": base64.b64encode(file.getvalue()).decode(),
        "size": list(decoded.size),
        "sha256": hashlib.sha256(decoded.tobytes()).hexdigest(),
    }


def fixtures():
    for size, subsampling, progressive in itertools.product([(33, 17), (40, 48)], ["4:4:4", "4:2:2", "4:2:0"], [False, True]):
        options = {"subsampling": subsampling, "progressive": progressive, "quality": 90}
        yield fixture(f"{size[0]}x{size[1]} {subsampling}{' progressive' if progressive else ''}", picture(*size), **options)
    image = picture(45, 31)
    yield fixture("components are RGB", image, keep_rgb=True)
    yield fixture("grey", image.convert("L"))
    yield fixture("grey, progressive", image.convert("L"), progressive=True)
    yield fixture("restart markers", image, restart_marker_blocks=2)
    yield fixture("optimized tables", image, optimize=True)
    yield fixture("quality 1", image, quality=1)
    yield fixture("quality 100", image, quality=100, subsampling=0)
    yield fixture("one pixel", image.crop((0, 0, 1, 1)))


Path(sys.argv[1]).write_text("[\n" + ",\n".join(json.dumps(one) for one in fixtures()) + "\n]\n")
