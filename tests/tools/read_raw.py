"""Reads the raw copy below a target's raw/ folder with nothing but lz4 and json.
Prints each payload as it stands, with its bytes as hex in `bytes` in place of `data` or `base64`.

Usage: read_raw.py RAW_FOLDER
"""

import base64
import json
import pathlib
import sys

import lz4.frame

for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.jsonl.lz4")):
    with lz4.frame.open(path, mode="rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            payload = json.loads(line)
            text, binary = payload.pop("data", None), payload.pop("base64", None)
            assert (text is None) != (binary is None), line
            data = base64.b64decode(binary) if text is None else text.encode()
            print(json.dumps(payload | {"bytes": data.hex()}))
