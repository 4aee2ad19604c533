"""Writes hub.parquet as `datasets` lays out image-text pairs on the hub: a struct of bytes and path, lists of captions.

    pip install pyarrow && python make_hub_parquet.py

Made with pyarrow 26.0.1 (see created_by in the file).
"""
import struct
import zlib

import pyarrow as pa
import pyarrow.parquet as pq


def png(value):
    """A grey PNG of 2 x 2."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))
    rows = (b'\0' + bytes([value, value])) * 2
    header = struct.pack('>IIBBBBB', 2, 2, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


count = 40
table = pa.table({
    'image': pa.array(
        [{'bytes': png(i * 6), 'path': None} if i % 10 != 9 else {'bytes': None, 'path': f'{i}.png'} for i in range(count)],
        pa.struct([('bytes', pa.binary()), ('path', pa.string())]),
    ),
    'caption': pa.array([[f'grey {i}', f'square no. {i}'] if i % 3 else [f'only {i}'] for i in range(count)], pa.list_(pa.string())),
    'id': pa.array([f'id-{i}' for i in range(count)], pa.string()),
    'score': pa.array([i / 7 for i in range(count)]),
})
pq.write_table(table, 'hub.parquet', compression='zstd', row_group_size=16, data_page_version='2.0', use_dictionary=['id'])
