"""Ways in which a file may be harmed on its disk."""

from __future__ import annotations

import random

_PAGE = 4096


def harmed(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """What happened, and the file afterwards."""
    at = chance.randrange(len(content))
    page = at // _PAGE * _PAGE
    image = bytearray(content)
    kind = chance.choice(("bit", "bit", "byte", "zeros", "cut", "stale", "noise"))
    if kind == "bit":
        image[at] ^= 1 << chance.randrange(8)
    elif kind == "byte":
        image[at] = chance.randrange(256)
    elif kind == "zeros":
        image[page : page + _PAGE] = bytes(len(image[page : page + _PAGE]))
    elif kind == "cut":
        del image[at:]
    elif kind == "stale":  # a page is written to the place of another
        other = chance.randrange(len(content)) // _PAGE * _PAGE
        image[page : page + _PAGE] = content[other : other + _PAGE]
    else:
        image[at : at + 16] = chance.randbytes(min(16, len(image) - at))
    return f"{kind} at {at}", bytes(image)
