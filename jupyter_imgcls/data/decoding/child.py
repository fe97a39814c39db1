"""The process that `isolated.decode` starts: arguments and a file in, pixels out."""

from __future__ import annotations

import json
import math
import sys
from contextlib import suppress

import psutil

from ...errors import UnreadableImageError
from .decode import open_rgb
from .limits import set_decoding_limits

_REFUSED = 3


def main() -> int:
    """Write width and height, four bytes each, and the pixels; or why not, with status 3."""
    asked, name = json.loads(sys.argv[1]), sys.argv[2]
    source = sys.stdin.buffer.read() if name == "-" else name
    # Whoever started this process ends it in time.
    set_decoding_limits(pixels=asked["pixels"], memory=asked["memory"], seconds=math.inf)
    _limit_memory(asked["memory"])
    try:
        with open_rgb(source, value_range=asked["value_range"]) as photo:
            for side in photo.size:
                sys.stdout.buffer.write(side.to_bytes(4, "big"))
            sys.stdout.buffer.write(photo.tobytes())
    except UnreadableImageError as error:
        sys.stdout.buffer.write(error.reason.encode())
        return _REFUSED
    return 0


def _limit_memory(n_bytes: int) -> None:
    """Let this process take so much more, where the system can limit it."""
    with suppress(ImportError, ValueError, OSError):  # Windows; a lower limit is set already
        import resource

        most = psutil.Process().memory_info().vms + n_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    sys.exit(main())
