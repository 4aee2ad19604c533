"""Files that the safetensors library (0.8) opens or refuses, with what it reads.

    python reference/gen_safetensors_fixtures.py packages/weights/test/__fixtures__/safetensors-reader.json

`open` says whether the library opens the file; `tensors` gives shape and values in float64 (null: PyTorch has no such type,
the library opens the file all the same), numbers as text where JSON has none.
"""
import base64
import json
import struct
import sys
import tempfile
from pathlib import Path

import safetensors
import torch
from safetensors import safe_open

cases, path = [], Path(tempfile.mkdtemp()) / "x.safetensors"


def case(name, header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = struct.pack("<Q", len(header) if length is None else length) + header + data
    path.write_bytes(content)
    entry = {"name": name, "file": base64.b64encode(content).decode()}
    try:
        with safe_open(str(path), "pt") as f:
            entry["open"] = True
            entry["metadata"] = f.metadata()
            entry["tensors"] = {}
            for key in f.keys():
                try:
                    t = f.get_tensor(key)
                    values = None if t.is_complex() else [v if v == v and abs(v) != float("inf") else str(v) for v in t.to(torch.float64).flatten().tolist()]
                    entry["tensors"][key] = {"shape": list(t.shape), "values": values}
                except Exception:
                    entry["tensors"][key] = None
    except Exception as e:
        entry["open"] = False
        entry["error"] = str(e)[:100]
    cases.append(entry)


def info(dtype="F32", shape=(1,), begin=0, end=4, **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


F = info()
d4, d8 = struct.pack("<f", 1.5), struct.pack("<2f", 1.5, -2)
# metadata
for name, value in [("null", None), ("empty", {}), ("text", {"k": "v"}), ("number", {"k": 3}), ("null value", {"k": None}), ("nested", {"k": {}}), ("list", []), ("string", "x"), ("number itself", 3)]:
    case(f"metadata: {name}", {"__metadata__": value, "a": F}, d4)
case("metadata alone", {"__metadata__": {"k": "v"}})
case("metadata last", {"a": F, "__metadata__": {"k": "v"}}, d4)
case("metadata twice", b'{"__metadata__":{"k":"v"},"__metadata__":{"k":"w"}}')
case("metadata key twice", b'{"__metadata__":{"k":"v","k":"w"}}')
# the header's bytes
text = json.dumps({"a": F}).encode()
case("nothing", b"", length=0)
case("no tensors", {})
for name, header in [("spaces behind", text + b" " * 37), ("zeros behind", text + b"\0" * 8), ("line ends behind", text + b"\n\r\t "), ("space before", b" " + text), ("line end before", b"\n" + text), ("indented", json.dumps({"a": F}, indent=2).encode()), ("byte order mark", b"\xef\xbb\xbf" + text), ("text behind", text + b"x"), ("two objects", text + text), ("cut", text[:-1]), ("list", b"[]"), ("null", b"null"), ("string", b'"x"'), ("number", b"3"), ("not UTF-8", text.replace(b'"a"', b'"\xff"')), ("trailing comma", text[:-1] + b",}"), ("comment", text[:-1] + b"/**/}"), ("single quotes", text.replace(b'"', b"'")), ("raw line end in a name", text.replace(b'"a"', b'"a\n"')), ("escaped line end in a name", text.replace(b'"a"', b'"a\\n"')), ("escaped surrogate pair", text.replace(b'"a"', b'"\\ud83d\\ude00"')), ("lone surrogate", text.replace(b'"a"', b'"\\ud83d"')), ("escaped letter", text.replace(b'"a"', b'"\\u0061"')), ("escaped NUL", text.replace(b'"a"', b'"\\u0000"'))]:
    case(f"header: {name}", header, d4)
case("header longer than the file", text, d4, length=1000)
case("header of 2^63 bytes", text, d4, length=1 << 63)
case("header shorter than itself", text, d4, length=len(text) - 1)
case("name: empty", {"": F}, d4)
case("name: unicode", {"größe.😀": F}, d4)
case("name: __proto__", {"__proto__": F}, d4)
case("name: long", {"x" * 300: F}, d4)
# keys that stand twice, and unknown ones
one = json.dumps(F).encode()
case("tensor twice", b'{"a":' + one + b',"a":' + one + b"}", d4)
case("tensor twice, written differently", b'{"a":' + one + b',"\\u0061":' + one + b"}", d4)
case("tensor twice, of two types", b'{"a":' + one + b',"a":' + json.dumps(info("I32")).encode() + b"}", d4)
case("dtype twice", b'{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', d4)
case("unknown field", {"a": {**F, "note": "x"}}, d4)
case("unknown field twice", b'{"a":{"dtype":"F32","note":1,"note":2,"shape":[1],"data_offsets":[0,4]}}', d4)
case("unknown field that is an object with a key twice", b'{"a":{"dtype":"F32","note":{"x":1,"x":2},"shape":[1],"data_offsets":[0,4]}}', d4)
for key in ["dtype", "shape", "data_offsets"]:
    case(f"without {key}", {"a": {k: v for k, v in F.items() if k != key}}, d4)
case("tensor is null", {"a": None}, d4)
case("tensor is a list", {"a": ["F32", [1], [0, 4]]}, d4)
# shapes and offsets
for name, shape, begin, end, data in [("scalar", [], 0, 4, d4), ("no entries", [0, 3], 0, 0, b""), ("negative", [-1], 0, 4, d4), ("fraction", [0.5], 0, 4, d4), ("1.0", [1.0], 0, 4, d4), ("text", ["1"], 0, 4, d4), ("null in it", [None], 0, 4, d4), ("too many entries", [2], 0, 4, d4), ("too few entries", [1], 0, 8, d8), ("overflows", [1 << 33, 1 << 33], 0, 4, d4), ("2^64", [1 << 64], 0, 4, d4), ("overflows to nothing", [0, 1 << 40, 1 << 40], 0, 0, b""), ("begin after end", [1], 4, 0, d4), ("end outside", [2], 0, 8, d4), ("fifty dimensions", [1] * 50, 0, 4, d4)]:
    case(f"shape: {name}", {"a": info(shape=shape, begin=begin, end=end)}, data)
case("shape: 1e0", json.dumps({"a": F}).encode().replace(b"[1]", b"[1e0]"), d4)
case("shape: -0", json.dumps({"a": info(shape=[0], end=0)}).encode().replace(b'"shape": [0]', b'"shape": [-0]'))
case("shape: 01", json.dumps({"a": F}).encode().replace(b"[1]", b"[01]"), d4)
case("shape: null", {"a": {**F, "shape": None}}, d4)
for name, offsets in [("three", [0, 4, 4]), ("one", [4]), ("none", []), ("text", ["0", "4"]), ("fraction", [0.0, 4.0]), ("object", {"0": 0, "1": 4}), ("negative", [-4, 0])]:
    case(f"offsets: {name}", {"a": {**F, "data_offsets": offsets}}, d4)
case("hole before the first", {"a": info(begin=4, end=8)}, d8)
case("hole between", {"a": F, "b": info(begin=8, end=12)}, d8 + d4)
case("overlap", {"a": F, "b": info(begin=2, end=6)}, d8)
case("the same bytes twice", {"a": F, "b": F}, d4)
case("bytes behind", {"a": F}, d4 + b"\0\0")
case("bytes behind nothing", {}, b"\0")
case("order of offsets, not of names", {"b": F, "a": info(begin=4, end=8)}, d8)
case("empty one between", {"a": F, "z": info(shape=[0], begin=4, end=4), "b": info(begin=4, end=8)}, d8)
case("empty one at the end", {"a": F, "z": info(shape=[0], begin=4, end=4)}, d4)
case("empty one inside another", {"a": info(shape=[2], end=8), "z": info(shape=[0], begin=4, end=4)}, d8)
case("empty ones at one place", {"a": info(shape=[0], end=0), "b": info(shape=[0, 2], end=0)})
# types
every = bytes(range(256))
for dtype, bits in [("BOOL", 8), ("U8", 8), ("I8", 8), ("I16", 16), ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32), ("F64", 64), ("I64", 64), ("U64", 64), ("C64", 64), ("F8_E4M3", 8), ("F8_E5M2", 8), ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("F6_E2M3", 6), ("F6_E3M2", 6), ("F4", 4), ("F8_E4M3FN", 8), ("E4M3", 8), ("C128", 128), ("I4", 4), ("U4", 4), ("F128", 128), ("f32", 32), ("", 8), ("BF8", 8)]:
    if dtype.startswith("F8"):
        data = every
    elif dtype == "BOOL":
        data = bytes([0, 1, 1, 0] * 6)
    else:
        data = {"I64": struct.pack("<3q", -5, 0, 2147483647), "U64": struct.pack("<3Q", 7, 0, 2147483647), "U32": struct.pack("<3I", 0, 1, 2147483647), "F64": struct.pack("<3d", 1.5, -2.25, 1024)}.get(dtype, bytes((i * 37 + 11) % 256 for i in range(24)))
    case(f"type: {dtype}", {"a": info(dtype, [len(data) * 8 // bits], 0, len(data))}, data)
case("type: F4, half a byte", {"a": info("F4", [1], 0, 1)}, b"\0")
case("type: F6, three quarters of a byte", {"a": info("F6_E2M3", [1], 0, 1)}, b"\0")
case("type: F6, four in three bytes", {"a": info("F6_E2M3", [4], 0, 3)}, b"\0" * 3)
case("type: null", {"a": {**F, "dtype": None}}, d4)

Path(sys.argv[1]).parent.mkdir(parents=True, exist_ok=True)
Path(sys.argv[1]).write_text("{\"safetensors\": %s, \"cases\": [\n%s\n]}\n" % (json.dumps(safetensors.__version__), ",\n".join(json.dumps(c) for c in cases)))
print(len(cases), "cases")
