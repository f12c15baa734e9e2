"""Takes one file out of a Windows installer package: unpack_msi.py PACKAGE FILE OUTPUT

A package is a compound file, a small file system of its own, and one of the streams in it is a cabinet, whose files lie
in folders of deflated blocks. Only what such packages need is here; a damaged package ends in an exception.

Sources: Microsoft, "Compound File Binary File Format" ([MS-CFB]) and "Cabinet File Format" ([MS-CAB], MSZIP).
"""

import struct
import sys
import zlib

FIRST_FREE = 0xFFFFFFFA  # Sector numbers from here on mean something else than a sector.
MSZIP = 1
WINDOW = 32768  # A block may refer to so many bytes before it.


def streams(file):
    """The larger streams of a compound file."""
    size = 1 << struct.unpack_from("<H", file, 30)[0]

    def sector(number):
        return file[(number + 1) * size : (number + 2) * size]

    table = []
    for number in struct.unpack_from("<109I", file, 76):
        if number < FIRST_FREE:
            table += struct.unpack(f"<{size // 4}I", sector(number))

    def chain(number):
        parts = []
        while number < FIRST_FREE:
            parts.append(sector(number))
            number = table[number]
        return b"".join(parts)

    smallest = struct.unpack_from("<I", file, 56)[0]
    directory = chain(struct.unpack_from("<I", file, 48)[0])
    for entry in range(0, len(directory), 128):
        start, length = struct.unpack_from("<IQ", directory, entry + 116)
        if directory[entry + 66] == 2 and length >= smallest:
            yield chain(start)[:length]


def folder(cabinet, place, blocks):
    """The bytes of a folder of a cabinet."""
    data = b""
    for _ in range(blocks):
        packed = struct.unpack_from("<H", cabinet, place + 4)[0]
        place += 8
        # Each block is deflated by itself behind two letters, with the bytes before it known.
        inflate = zlib.decompressobj(-15, zdict=data[-WINDOW:])
        data += inflate.decompress(cabinet[place + 2 : place + packed])
        place += packed
    return data


def unpack(cabinet, wanted):
    """The file of this name, or None."""
    first_file = struct.unpack_from("<I", cabinet, 16)[0]
    folders, files, flags = struct.unpack_from("<HHH", cabinet, 26)
    if flags != 0:
        raise ValueError("the cabinet has reserved areas or is one of several")
    place = first_file
    for _ in range(files):
        size, start, number = struct.unpack_from("<IIH", cabinet, place)
        end = cabinet.index(b"\0", place + 16)
        if cabinet[place + 16 : end] == wanted.encode() and number < folders:
            at, blocks, method = struct.unpack_from("<IHH", cabinet, 36 + 8 * number)
            if method & 0xF != MSZIP:
                raise ValueError(f"the cabinet is compressed by method {method}")
            return folder(cabinet, at, blocks)[start : start + size]
        place = end + 1
    return None


def main(package, wanted, output):
    with open(package, "rb") as file:
        content = file.read()
    for stream in streams(content):
        found = unpack(stream, wanted) if stream.startswith(b"MSCF") else None
        if found is not None:
            with open(output, "wb") as file:
                file.write(found)
            return
    sys.exit(f"{package} does not hold {wanted}")


main(*sys.argv[1:])
