"""Writes the vectors of the providers whose SDK is Python's or that have none. Argument: the folder for them."""

import importlib
import sys
from pathlib import Path

from vector import write

[FOLDER] = sys.argv[1:]
for file in sorted((Path(__file__).parent / "providers").glob("*.py")):
    for name, scheme in importlib.import_module(f"providers.{file.stem}").vectors().items():
        write(FOLDER, name, scheme)
