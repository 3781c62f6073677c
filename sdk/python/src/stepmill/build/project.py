"""What is to be built: `pyproject.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

EXAMPLE = '`[tool.stepmill]` with `plugin = "my_step:shape"`, the module and the decorated function in it'


class BuildError(Exception):
    """Why there is no component; the text says what to do about it."""


@dataclass(frozen=True)
class Project:
    """A project whose plugin is `attribute` of `module`."""

    folder: Path
    name: str
    module: str
    attribute: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads `pyproject.toml` of a folder."""
        file = folder / "pyproject.toml"
        try:
            content = tomllib.loads(file.read_text())
        except FileNotFoundError:
            raise BuildError(f"there is no {file}: run this in the folder of a project") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BuildError(f"{file}: {error}") from None
        name = _table(file, content, "project").get("name")
        if not isinstance(name, str):
            raise BuildError(f"{file}: `name` of `[project]` must be the project's name")
        settings = _table(file, _table(file, content, "tool"), "stepmill", "tool.")
        if unknown := sorted(settings.keys() - {"plugin"}):
            raise BuildError(f"{file}: there is no `{unknown[0]}` in `[tool.stepmill]`; known is `plugin`")
        match str(settings.get("plugin", "")).split(":"):
            case [module, attribute] if all(map(str.isidentifier, [*module.split("."), attribute])):
                return cls(folder, name, module, attribute)
        raise BuildError(f"{file}: `plugin` of `[tool.stepmill]` must say what to build: {EXAMPLE}")

    @property
    def sources(self) -> Path:
        """Where modules are: `src`, if there is one."""
        source = self.folder / "src"
        return source if source.is_dir() else self.folder

    @property
    def output(self) -> Path:
        """The component."""
        return self.folder / "dist" / f"{self.name}.wasm"

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


def _table(file: Path, content: dict[str, Any], name: str, within: str = "") -> dict[str, Any]:
    table = content.get(name)
    if not isinstance(table, dict):
        raise BuildError(f"{file}: `[{within}{name}]` is missing; write {EXAMPLE}")
    return table
