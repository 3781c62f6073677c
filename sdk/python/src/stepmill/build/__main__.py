"""`python -m stepmill.build [FOLDER]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .component import build
from .project import BuildError, Project


def main() -> int:
    """Builds and says what came of it; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stepmill.build", description="Makes the component of a project.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="the folder of pyproject.toml")
    folder: Path = parser.parse_args().folder
    started = time.monotonic()
    try:
        project = Project.read(folder.resolve())
        plugin = build(project)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    size = project.output.stat().st_size / (1 << 20)
    seconds = time.monotonic() - started
    name = f"{plugin.kind} {plugin.manifest.name} {plugin.manifest.version}"
    print(f"{project.output.relative_to(project.folder)}: {name}, {size:.1f} MiB in {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
