"""The rules of the source tree that a reader relies on: who imports whom, names, sizes, what lies where."""

import ast
import fnmatch
import re
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sip2xmpp"

ORDER = (
    "errors", "notify", "inheriting", "metering", "measuring", "escaping", "preparation", "address", "tracing", "digest", "documents", "sip", "xmpp", "store", "presence", "events", "bridge",
    "xcap", "importing", "portal", "pages", "keys", "settings", "config", "logs", "policy_side", "own_side", "list_side", "asking_side", "gateway_side", "xmpp_side", "xcap_side", "operating_side", "watching_side", "portal_side", "people_side", "panel_side", "pages_side", "sip_side", "assembly", "taking", "reloading", "service", "command",
)  # fmt: skip
"""Each imports from its left only."""

NEVER = {
    "presence": {"sip", "xmpp"},
    "xmpp": {"sip"},
    "xcap": {"presence"},
}
"""Nor these, although they are to the left."""

ONLY_IN = {
    "lxml": {"documents", "xcap"},
    "wokkel": {"xmpp"},
    "twisted.words": {"xmpp", "preparation"},  # stringprep is what XMPP servers fold by
}

TOP_LEVEL = {
    "LICENSE", "README.rst", "pyproject.toml", "setup.cfg", ".gitignore", ".ci", "etc", "sip2xmpp", "tests", "twisted",
}  # fmt: skip

VAGUE = re.compile(r"Handler|Manager|Processor|Engine|Util|Helper")
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")

SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def layer_of(path: Path) -> str:
    """The first name below the package: ``sip`` for sip2xmpp/sip/uri.py, ``errors`` for sip2xmpp/errors.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported_names(path: Path) -> tuple[str, ...]:
    """Dotted names of everything the module imports, also inside functions and under TYPE_CHECKING."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layers_imported(path: Path) -> set[str]:
    parts = (name.split(".") for name in imported_names(path))
    return {name[1] for name in parts if name[0] == "sip2xmpp" and len(name) > 1 and name[1] != "__version__"}


def is_within(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


layers = pytest.mark.parametrize("path", [p for p in SOURCES if layer_of(p) != "__init__"], ids=name_of)
sources = pytest.mark.parametrize("path", SOURCES, ids=name_of)


def test_the_readme_tells_the_order() -> None:
    told = re.search(r"\n    (errors < [\w\s<]+)\n\n", (ROOT / "README.rst").read_text("utf-8"))
    assert told is not None
    assert tuple(told[1].split()[::2]) == ORDER


@layers
def test_every_module_has_its_place_in_the_order(path: Path) -> None:
    assert layer_of(path) in ORDER


@layers
def test_a_module_imports_only_from_its_left(path: Path) -> None:
    here = layer_of(path)
    allowed = set(ORDER[: ORDER.index(here) + 1]) - NEVER.get(here, set())
    assert layers_imported(path) <= allowed


def test_the_package_itself_imports_nothing() -> None:
    assert not imported_names(PACKAGE / "__init__.py")


@sources
def test_libraries_stay_behind_the_package_that_wraps_them(path: Path) -> None:
    for name in imported_names(path):
        for library, homes in ONLY_IN.items():
            assert not is_within(name, library) or layer_of(path) in homes, name


@sources
def test_only_the_composition_root_knows_the_global_reactor(path: Path) -> None:
    if layer_of(path) not in {"service", "command"}:
        assert not [name for name in imported_names(path) if is_within(name, "twisted.internet.reactor")]


@sources
def test_a_module_opens_with_its_theory_of_operation(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@sources
def test_no_module_holds_two_ideas(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 450


def test_modules_are_short_on_the_whole() -> None:
    assert statistics.median(len(p.read_text("utf-8").splitlines()) for p in SOURCES) <= 200


@sources
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert not VAGUE.search(path.stem.title())
    classes = [
        node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)
    ]
    assert not [name for name in classes if VAGUE.search(name)]


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    assert not UNFINISHED.search(path.read_text("utf-8"))


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_tests_neither_sleep_nor_skip_nor_patch(path: Path) -> None:
    attributes = {
        f"{ast.unparse(node.value)}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    names = attributes | set(imported_names(path))
    forbidden = (
        "time.sleep",
        "pytest.skip",
        "pytest.mark.skip",
        "pytest.importorskip",
        "unittest.mock",
        "mock.patch",
    )
    assert not [name for name in names if any(is_within(name, bad) for bad in forbidden)]


def test_the_twisted_namespace_is_left_to_twisted() -> None:
    assert [name_of(p) for p in (ROOT / "twisted").rglob("*.py")] == ["twisted/plugins/sip2xmpp_plugin.py"]


def test_the_top_level_is_what_it_is_said_to_be() -> None:
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line]
    present = {
        p.name for p in ROOT.iterdir() if not any(fnmatch.fnmatch(p.name, pattern) for pattern in ignored)
    }
    assert present - {".git"} == TOP_LEVEL
