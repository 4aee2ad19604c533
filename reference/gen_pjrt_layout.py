"""Byte offsets of the PJRT C API's structs, for packages/pjrt/src/layout/pjrt-layout.ts.

    python reference/gen_pjrt_layout.py packages/pjrt/src/layout/pjrt-layout.ts [pjrt_c_api.h]

A C compiler (`cc`) says the offsets, so that padding, unions and enumerations are those of the platform: 64-bit, little endian.
Without a header, the newest one that PyPI has is read out of a tf-nightly wheel by ranges: 130 kB of its 300 MB.
"""
import io
import json
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

# What packages/pjrt calls, by the names of the API's slots.
SLOTS = """
Error_Destroy Error_Message Error_GetCode Plugin_Initialize Plugin_Attributes
Event_Destroy Event_IsReady Event_Await Event_Error
Client_Create Client_Destroy Client_PlatformName Client_PlatformVersion Client_AddressableDevices Client_Compile Client_BufferFromHostBuffer
Device_GetDescription Device_MemoryStats DeviceDescription_Id DeviceDescription_Kind DeviceDescription_DebugString
Executable_Destroy Executable_Name Executable_NumReplicas Executable_NumPartitions Executable_NumOutputs Executable_OutputElementTypes
Executable_OutputDimensions Executable_Serialize Executable_DeserializeAndLoad Executable_GetCompiledMemoryStats Executable_OptimizedProgram
LoadedExecutable_Destroy LoadedExecutable_GetExecutable LoadedExecutable_AddressableDevices LoadedExecutable_Execute
Buffer_Destroy Buffer_ReadyEvent Buffer_ToHostBuffer Buffer_IsDeleted Buffer_OnDeviceSizeInBytes
TopologyDescription_Create TopologyDescription_Destroy TopologyDescription_PlatformName TopologyDescription_PlatformVersion
TopologyDescription_GetDeviceDescriptions Compile
""".split()
# Structs that arguments point to.
PARTS = "Api_Version NamedValue Program ExecuteOptions Buffer_MemoryLayout Buffer_MemoryLayout_Tiled".split()


class RemoteFile(io.RawIOBase):
    """A file behind HTTP ranges."""

    def __init__(self, url):
        self.url, self.at = url, 0
        head = urllib.request.urlopen(urllib.request.Request(url, method="HEAD"))
        self.size = int(head.headers["content-length"])

    def seekable(self):
        return True

    def readable(self):
        return True

    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self):
        return self.at

    def readinto(self, into):
        end = min(self.size, self.at + len(into))
        if end <= self.at:
            return 0
        ranged = urllib.request.Request(self.url, headers={"Range": f"bytes={self.at}-{end - 1}"})
        data = urllib.request.urlopen(ranged).read()
        into[: len(data)] = data
        self.at += len(data)
        return len(data)


def newest_header():
    page = "https://pypi.org/pypi/tf-nightly/json"
    urls = [f["url"] for f in json.load(urllib.request.urlopen(page))["urls"] if f["filename"].endswith(".whl")]
    wheel = zipfile.ZipFile(io.BufferedReader(RemoteFile(urllib.parse.urljoin(page, urls[-1])), 1 << 20))
    return wheel.read("tensorflow/include/xla/pjrt/c/pjrt_c_api.h").decode()


def fields_of(body):
    """Names of a struct's fields, unions flattened."""
    body = re.sub(r"union \{(.*?)\}\s*;", r"\1", body, flags=re.S)
    for declaration in filter(None, map(str.strip, body.split(";"))):
        name = re.search(r"\(\*\s*(\w+)\)\s*\(", declaration) or re.search(r"(\w+)\s*(?:\[\d+\])?$", declaration)
        yield name.group(1)


def layouts(header):
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", header, flags=re.S)
    structs = dict(re.findall(r"struct (PJRT_\w+) \{(.*?)\n\}", plain, re.S))
    wanted = [f"PJRT_{slot}_Args" for slot in SLOTS] + [f"PJRT_{part}" for part in PARTS]
    lines = []
    for name in wanted:
        sized = re.search(rf"PJRT_DEFINE_STRUCT_TRAITS\({name}\s*,", plain)
        size = f"(size_t){name}_STRUCT_SIZE" if sized else f"sizeof({name})"
        lines.append(f'printf("S {name} %zu %zu\\n", sizeof({name}), {size});')
        lines += [f'printf("F {field} %zu\\n", offsetof({name}, {field}));' for field in fields_of(structs[name])]
    for field in ["struct_size", "pjrt_api_version", *(f"PJRT_{slot}" for slot in SLOTS)]:
        lines.append(f'printf("A {field} %zu\\n", offsetof(PJRT_Api, {field}));')
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pjrt_c_api.h").write_text(header)
        (Path(folder) / "say.c").write_text(
            '#include <stdio.h>\n#include "pjrt_c_api.h"\nint main(void) {\n' + "\n".join(lines) + "\nreturn 0; }\n"
        )
        subprocess.check_call(["cc", "-w", "-o", f"{folder}/say", f"{folder}/say.c"])
        said = subprocess.check_output(f"{folder}/say", text=True)
    table, slots = {}, {}
    for kind, name, *numbers in map(str.split, said.splitlines()):
        if kind == "S":
            fields = {}
            table[name.removeprefix("PJRT_")] = {"size": int(numbers[0]), "structSize": int(numbers[1]), "fields": fields}
        elif kind == "F":
            fields[name] = int(numbers[0])
        else:
            slots[name.removeprefix("PJRT_")] = int(numbers[0])
    return table, slots


def names_of(header, prefix):
    """The values of an enumeration in the header's order, from the number that it gives or from 0."""
    plain = re.sub(r"//[^\n]*", "", header)
    (body,) = (b for b in re.findall(r"typedef enum \{(.*?)\}", plain, re.S) if re.search(rf"\b{prefix}\w", b))
    values, number = {}, 0
    for entry in filter(None, map(str.strip, body.split(","))):
        name, _, given = entry.partition("=")
        number = int(given) if given.strip() else number
        values[name.strip().removeprefix(prefix)] = number
        number += 1
    return values


def main(target, header=None):
    text = Path(header).read_text() if header else newest_header()
    table, slots = layouts(text)
    version = [int(re.search(rf"PJRT_API_{part} (\d+)", text).group(1)) for part in ("MAJOR", "MINOR")]
    entry = lambda value: json.dumps(value)
    out = [
        "// Made by reference/gen_pjrt_layout.py from pjrt_c_api.h (OpenXLA, Apache-2.0): byte offsets on 64-bit, little-endian platforms.",
        "",
        "/** Major and minor version of the header. */",
        f"export const API_VERSION = {version} as const;",
        "",
        "/** Offsets of the API's functions in `PJRT_Api`. */",
        f"export const SLOTS = {entry(slots)} as const;",
        "",
        "/** Of each struct: bytes, the `struct_size` to name, offsets of its fields. */",
        f"export const STRUCTS = {entry(table)} as const;",
        "",
        "/** `PJRT_Error_Code`. */",
        f"export const ERROR_CODES = {entry(names_of(text, 'PJRT_Error_Code_'))} as const;",
        "",
        "/** `PJRT_Buffer_Type`. */",
        f"export const BUFFER_TYPES = {entry(names_of(text, 'PJRT_Buffer_Type_'))} as const;",
        "",
    ]
    Path(target).write_text("\n".join(out))
    print(f"{target}: {len(table)} structs, {len(slots) - 2} functions, API {version[0]}.{version[1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
