"""Builds: of the templates as their users have them, and of projects with mistakes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from stepmill.build import component
from stepmill.build.project import BuildError, Project
from stepmill.build.sockets import UnexpectedComponent, close_sockets, import_name, read_sections

SDK = Path(__file__).parent.parent
TEMPLATES = sorted(path.name for path in (SDK / "template").iterdir() if (path / "pyproject.toml").is_file())
PYPROJECT = '[project]\nname = "own"\n[tool.stepmill]\nplugin = "own:step"\n'
STEP = """
from stepmill import transform
@transform(name="own", version="0.1.0", summary="Own.")
def step(body: object) -> object:
    return body
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "own.py").write_text(STEP)
    # `load` adds to the one and the other.
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own", raising=False)
    return tmp_path


def refused(folder: Path) -> str:
    sys.modules.pop("own", None)
    with pytest.raises(BuildError) as error:
        component.load(Project.read(folder))
    return str(error.value)


def test_a_project_that_does_not_say_what_to_build_is_told_how(project: Path) -> None:
    file = project / "pyproject.toml"
    for text, problem in {
        "[project]\n": "`name` of `[project]` must be",
        '[project]\nname = "own"\n': "`[tool]` is missing; write `[tool.stepmill]` with `plugin =",
        PYPROJECT + 'kind = "transform"\n': "there is no `kind` in `[tool.stepmill]`; known is `plugin`",
        PYPROJECT.replace("own:step", "own.py"): "`plugin` of `[tool.stepmill]` must say what to build",
        "[project\n": "Expected ']'",
    }.items():
        file.write_text(text)
        message = refused(project)
        assert message.startswith(str(file))
        assert problem in message
    file.unlink()
    assert refused(project) == f"there is no {file}: run this in the folder of a project"


def test_a_plugin_that_is_not_there_is_looked_for(project: Path) -> None:
    (project / "own.py").write_text(STEP.replace("def step", "def other"))
    assert refused(project).startswith("own:step does not exist: its plugins are `own:other`; decorate a function")
    (project / "own.py").write_text("def step(): ...")
    assert refused(project).startswith("own:step is no plugin: it has none; decorate a function")
    (project / "own.py").unlink()
    assert refused(project) == f"there is no module `own` in {project}"


def test_a_module_that_cannot_be_imported_is_shown_from_its_own_line_on(project: Path) -> None:
    (project / "own.py").write_text("import broken\n")
    (project / "broken.py").write_text("x = 1 / 0\n")
    lines = refused(project).splitlines()
    assert lines[:3] == [
        "`own` cannot be imported",
        "Traceback (most recent call last):",
        f'  File "{project}/own.py", line 1, in <module>',
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_what_is_wrong_with_the_authors_own_lines_is_one_sentence_with_its_place(project: Path) -> None:
    (project / "own.py").write_text("import nowhere\n")
    assert refused(project) == "own.py:1: No module named 'nowhere': add what brings it to requirements.txt"
    (project / "own.py").write_text("def step(:\n")
    assert refused(project) == "own.py:1: invalid syntax"
    (project / "own.py").write_text("\n" + STEP.replace("body: object", "body: complex"))
    assert refused(project).startswith("own.py:4: ")
    assert "complex" in refused(project)


def test_output_of_componentize_py_names_files_as_they_are_called_here() -> None:
    output = (
        "Traceback …\nAssertionError: Traceback (most recent call last):\n"
        '  File "/1/own.py", line 1, in <module>\nImportError: no\n\nCaused by:\n    more\n\nStack backtrace:\n 0: x\n'
    )
    shown = component.explain(output, [Path("/tmp/entry"), Path("/home/me/own/src")])
    assert shown == (
        'Traceback (most recent call last):\n  File "/home/me/own/src/own.py", line 1, in <module>\nImportError: no'
    )


def test_the_standard_library_of_this_machine_stays_out_of_the_component(project: Path) -> None:
    found = component.import_path(Project.read(project))
    assert found[:2] == [project, SDK / "src"]
    assert not [path for path in found if (path / "os.py").exists() or path.name == "lib-dynload"]


def test_what_is_no_component_of_the_known_shape_is_refused() -> None:
    with pytest.raises(UnexpectedComponent):
        close_sockets(b"\0asm\x01\0\0\0")


@pytest.mark.component
def test_an_import_that_fails_in_the_component_alone_is_explained(project: Path) -> None:
    (project / "own.py").write_text("import sys\nif sys.platform == 'wasi':\n    import missing\n" + STEP)
    with pytest.raises(BuildError) as error:
        component.build(Project.read(project))
    assert f'File "{project}/own.py", line 3, in <module>' in str(error.value)
    assert "ModuleNotFoundError: No module named 'missing'" in str(error.value)
    assert "backtrace" not in str(error.value)


@pytest.mark.component
@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_new_project_builds_and_passes_its_own_checks(kind: str, tmp_path: Path) -> None:
    project, vendor = tmp_path / "my-step", tmp_path / "my-step" / "vendor" / "stepmill"
    shutil.copytree(SDK / "template" / kind, project)
    shutil.copytree(SDK.parent.parent / "wit", vendor / "wit")
    shutil.copytree(SDK / "src", vendor / "sdk" / "python" / "src")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(SDK / name, vendor / "sdk" / "python")
    venv.create(project / ".venv", with_pip=True)
    # None of what surrounds these tests, but what pip needs to reach packages.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "VIRTUAL"))}
    environment = {**kept, "PATH": f"{project / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements-dev.txt")
    for check in (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"], ["pytest"]):
        run(*check)
    assert run("python", "-m", "stepmill.build").startswith(f"dist/my-step.wasm: {kind} my-step 0.1.0, ")
    sections = read_sections((project / "dist" / "my-step.wasm").read_bytes())
    imports = {import_name(section).partition("@")[0] for section in sections if section.id == 10}
    reach = {name for name in imports if name.startswith(("wasi:sockets", "wasi:http", "stepmill:plugin"))}
    assert reach - {"stepmill:plugin/types", "manifest"} == {
        "stepmill:plugin/log",
        *(["stepmill:plugin/http", "stepmill:plugin/storage"] if kind == "connector" else []),
    }
