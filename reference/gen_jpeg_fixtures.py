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
    return decoded_fixture(name, file.getvalue())


def decoded_fixture(name, jpeg):
    decoded = Image.open(io.BytesIO(jpeg)).convert("RGB")
    return {
        "name": name,
        "jpeg": base64.b64encode(jpeg).decode(),
        "size": list(decoded.size),
        "sha256": hashlib.sha256(decoded.tobytes()).hexdigest(),
    }


def huffman_codes(jpeg):
    """(class, id) -> {symbol: (code, length)} of the tables in a file of Pillow's, and the segments that hold them."""
    tables, segments, at = {}, b"", 2
    while jpeg[at + 1] != 0xDA:
        size = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == 0xC4:
            segments += jpeg[at : at + 2 + size]
            body = jpeg[at + 4 : at + 2 + size]
            while body:
                code, symbols, codes = 0, iter(body[17:]), {}
                for length, count in enumerate(body[1:17], 1):
                    for _ in range(count):
                        codes[next(symbols)] = (code, length)
                        code += 1
                    code <<= 1
                tables[divmod(body[0], 16)] = codes
                body = body[17 + sum(body[1:17]) :]
        at += 2 + size
    return tables, segments


def random_jpeg(width, height, sampling):
    """A baseline file of random coefficients with the given sampling factors, which no encoder at hand writes."""
    file = io.BytesIO()
    picture(16, 16).save(file, "JPEG")
    tables, huffman = huffman_codes(file.getvalue())
    draw = np.random.default_rng([width, height, *np.ravel(sampling)]).integers
    bits = ""

    def put(table, run, value):
        nonlocal bits
        size = int(abs(value)).bit_length()
        code, length = table[run << 4 | size]
        bits += f"{code:0{length}b}"
        if size:
            bits += f"{value if value > 0 else value + (1 << size) - 1:0{size}b}"

    # A scan of one component goes block by block, whatever its sampling.
    blocks = sampling if len(sampling) > 1 else [(1, 1)]
    across = -(-width // (8 * max(h for h, _ in blocks)))
    down = -(-height // (8 * max(v for _, v in blocks)))
    last = [0] * len(sampling)
    for _ in range(across * down):
        for component, (h, v) in enumerate(blocks):
            for _ in range(h * v):
                level = int(draw(-60, 60))
                put(tables[0, min(component, 1)], 0, level - last[component])
                last[component] = level
                for _ in range(int(draw(0, 5))):
                    put(tables[1, min(component, 1)], int(draw(0, 9)), int(draw(1, 12)) * (1 if draw(0, 2) else -1))
                put(tables[1, min(component, 1)], 0, 0)
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker, body):
        return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body

    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    components = [bytes([i + 1, h << 4 | v, 0]) for i, (h, v) in enumerate(sampling)]
    choices = [bytes([i + 1, min(i, 1) * 0x11]) for i in range(len(sampling))]
    return (
        b"\xff\xd8"
        + segment(0xDB, bytes([0] + [4 + i // 4 for i in range(64)]))
        + segment(0xC0, b"\x08" + size + bytes([len(sampling)]) + b"".join(components))
        + huffman
        + segment(0xDA, bytes([len(sampling)]) + b"".join(choices) + b"\0\x3f\0")
        + scan
        + b"\xff\xd9"
    )


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
    rest = [(1, 1), (1, 1)]
    for sampling in (
        *([first, *rest] for first in ((1, 2), (2, 1), (2, 2), (4, 1), (1, 4), (4, 2), (2, 4), (3, 1), (1, 3))),
        [(2, 2), (2, 1), (1, 2)],
        [(2, 2), (1, 2), (2, 2)],
        [(1, 1), (2, 2), (2, 2)],
        [(2, 2)],
    ):
        name = ", ".join(f"{h}x{v}" for h, v in sampling)
        yield decoded_fixture(f"sampled {name}", random_jpeg(45, 37, sampling))


Path(sys.argv[1]).write_text("[\n" + ",\n".join(json.dumps(one) for one in fixtures()) + "\n]\n")
