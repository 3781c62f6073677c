"""From a project to its component, by componentize-py."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
import traceback
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import TracebackType
from typing import Any

import stepmill
from stepmill.plugin import InvalidPlugin, Plugin
from stepmill.shape import UnsupportedType

from .project import BuildError, Project
from .sockets import UnexpectedComponent, close_sockets

#: The version whose components are known here; as in pyproject.toml.
COMPONENTIZE_PY = "0.25.1"
#: The module that componentize-py is told to make a component of. It has what is looked for: classes by these names.
ENTRY = "stepmill_entry"
ENTRY_SOURCE = """\
from stepmill._guest import exports
from {module} import {attribute} as plugin

WitWorld, {step} = exports(plugin)
"""


def build(project: Project) -> Plugin[Any, Any]:
    """Makes the component, in `dist`, and answers its plugin. Raises [BuildError][]."""
    check_componentize_py()
    plugin = load(project)
    with tempfile.TemporaryDirectory(prefix="stepmill-") as scratch:
        entry = ENTRY_SOURCE.format(module=project.module, attribute=project.attribute, step=plugin.kind.capitalize())
        Path(scratch, f"{ENTRY}.py").write_text(entry)
        made = Path(scratch, "component.wasm")
        componentize(plugin.kind, [Path(scratch), *import_path(project)], made)
        try:
            component = close_sockets(made.read_bytes())
        except UnexpectedComponent as error:
            raise BuildError(f"componentize-py has made a component that is not known here: {error}") from error
    project.output.parent.mkdir(exist_ok=True)
    # Whole or not at all: somebody may be loading it.
    whole = project.output.with_suffix(".wasm.new")
    whole.write_bytes(component)
    whole.replace(project.output)
    return plugin


def check_componentize_py() -> None:
    """Only the version that is known here makes components that are."""
    try:
        version = importlib.metadata.version("componentize-py")
    except importlib.metadata.PackageNotFoundError:
        version = "not installed"
    if version != COMPONENTIZE_PY:
        raise BuildError(f"componentize-py is {version}; install stepmill-sdk[build], which takes {COMPONENTIZE_PY}")


def load(project: Project) -> Plugin[Any, Any]:
    """The plugin, imported on this machine: it finds most of what is wrong, at once."""
    sys.path.insert(0, str(project.sources))
    try:
        module = importlib.import_module(project.module)
    except ModuleNotFoundError as error:
        if error.name == project.module.split(".")[0]:
            raise BuildError(f"there is no module `{project.module}` in {project.sources}") from None
        raise BuildError(not_imported(project, error)) from None
    except Exception as error:
        raise BuildError(not_imported(project, error)) from None
    found = getattr(module, project.attribute, None)
    if isinstance(found, Plugin):
        return found
    plugins = [f"`{project.module}:{name}`" for name, value in vars(module).items() if isinstance(value, Plugin)]
    there_are = f"its plugins are {', '.join(plugins)}" if plugins else "it has none"
    what = "is no plugin" if hasattr(module, project.attribute) else "does not exist"
    raise BuildError(
        f"{project} {what}: {there_are}; decorate a function with @transform, @validate or @connector, and name it by "
        "`plugin` in `[tool.stepmill]`"
    )


def not_imported(project: Project, error: BaseException) -> str:
    """Why a module cannot be imported: a sentence with its place where the author's own lines are at fault, else the
    traceback from the author's first line on."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown(project, error.filename)}:{error.lineno}: {error.msg}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(project, frame.filename)]
    if own and isinstance(error, (InvalidPlugin, UnsupportedType, ModuleNotFoundError)):
        hint = ": add what brings it to requirements.txt" if isinstance(error, ModuleNotFoundError) else ""
        return f"{shown(project, own[-1].filename)}:{own[-1].lineno}: {error}{hint}"
    frames: TracebackType | None = error.__traceback__
    while frames is not None and not is_own(project, frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return f"`{project.module}` cannot be imported\n{text.rstrip()}"


def is_own(project: Project, file: str) -> bool:
    """Whether a file is of the project's sources, and not of what is installed or vendored in its folder."""
    path = Path(file)
    beside = (project.folder / name for name in (".venv", "vendor"))
    return path.is_relative_to(project.sources) and not any(path.is_relative_to(folder) for folder in beside)


def shown(project: Project, file: str) -> str:
    """A file's path from the project's folder, if it is there."""
    path = Path(file)
    return str(path.relative_to(project.folder)) if path.is_relative_to(project.folder) else file


def import_path(project: Project) -> list[Path]:
    """Where modules come from: the project, and what is installed beside it, also in place."""
    # The component brings a standard library of its own.
    standard = [Path(os.__file__).resolve().parent]
    standard.append(standard[0] / "lib-dynload")
    rest = [Path(entry).resolve() for entry in sys.path if entry]
    own = Path(stepmill.__file__).resolve().parent.parent
    wanted = [project.sources, own, *(path for path in rest if path.is_dir() and path not in standard)]
    return list(dict.fromkeys(wanted))


def wit() -> Path:
    """The WIT files: in the wheel, or where they are when the SDK is used in place."""
    package = Path(stepmill.__file__).resolve().parent
    for folder in (package / "wit", package.parents[3] / "wit"):
        if (folder / "worlds.wit").is_file():
            return folder
    raise BuildError(
        f"there are no WIT files in {package / 'wit'} or {package.parents[3] / 'wit'}: install the SDK anew"
    )


def componentize(kind: str, path: list[Path], output: Path) -> None:
    """Runs componentize-py."""
    arguments = ["-q", "-d", str(wit()), "-w", f"{kind}-plugin", "componentize", ENTRY, "-o", str(output)]
    for folder in path:
        arguments += ["-p", str(folder)]
    run = [sys.executable, "-c", "import sys; from componentize_py import script; sys.exit(script())", *arguments]
    # It would add the environment's packages once more.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(run, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise BuildError(f"componentize-py failed\n{explain(done.stderr, path)}{native_code()}")


def explain(output: str, path: list[Path]) -> str:
    """The part of componentize-py's output that is about the author's code, with files as they are called here."""
    text = output.partition("AssertionError: ")[2] or output
    text = re.split(r"\n\n+(?:Caused by|Stack backtrace):", text)[0].strip()

    def real(match: re.Match[str]) -> str:
        number = int(match[1])
        return f'File "{path[number]}/' if number < len(path) else match[0]

    return re.sub(r'File "/(\d+)/', real, text)


def native_code() -> str:
    """Names what has been imported and has native code: most often it is why a component cannot be made."""
    names = set()
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        spec = getattr(module, "__spec__", None)
        if spec is not None and isinstance(spec.loader, ExtensionFileLoader) and top not in sys.stdlib_module_names:
            names.add(top)
    if not names:
        return ""
    return f"\nnative code does not run in a component, and these have some: {', '.join(sorted(names))}"
