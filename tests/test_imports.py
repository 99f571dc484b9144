"""Who may import whom: callout_site → engage → identity, never back, and inside of the apps only downward."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["callout_site", "engage", "identity"]
SITE, *APPS = PACKAGES

# Each module imports only from lines below its own; what stands on one line knows nothing of each other.
LAYERS = """
    engage.urls identity.urls engage.apps identity.apps engage.migrations identity.migrations
    engage.management
    engage.management_api engage.views engage.templatetags
    identity.api identity.management identity.views
    engage.forms engage.applications engage.trait_changes
    engage.tasks engage.downloads engage.exchange
    engage.history engage.census
    engage.sizes engage.compiled engage.members
    engage.received
    engage.audience
    engage.models engage.key_order engage.sampling
    identity.traits
    identity.forms identity.tasks
    identity.rewriting identity.uploads
    identity.importing
    identity.configuration identity.endpoints identity.erasure identity.ingest identity.middleware
    identity.caches identity.tally
    identity.models
    engage.hints engage.spread
    engage.contradictions engage.explanation engage.differences engage.examples engage.guide engage.fitting
    engage.rules
    engage.operators
    engage.fields
    engage.expressions
    identity.client_address identity.encryption identity.import_files identity.origins identity.rate_limits
    identity.signatures
    identity.payloads
    identity.values
    engage.__init__ identity.__init__
"""
HEIGHT = {module: -line for line, modules in enumerate(LAYERS.split("\n")) for module in modules.split()}


def layer(dotted: str) -> str:
    """The module or package of an app that a dotted name lies in: identity.models for identity.models.person.Person."""
    return ".".join([*dotted.split("."), "__init__"][:2])


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names of all that is imported anywhere in a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def problems(module: str, source: str) -> list[str]:
    """What is wrong with the imports of a module, given by its dotted name."""
    tree = ast.parse(source)
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found += [f"{module} imports {name} inside a function" for name in imported(function)]
    own = layer(module)
    if own not in HEIGHT and not module.startswith(SITE):
        found.append(f"{module} has no place in the table of layers")
    for name in imported(tree):
        package = name.partition(".")[0]
        if name.startswith("."):
            found.append(f"{module} imports {name}, which does not say from where")
        elif {"signals", "dispatch"} & set(name.split(".")):
            found.append(f"{module} uses signals: {name}")
        elif package in PACKAGES and PACKAGES.index(package) < PACKAGES.index(module.partition(".")[0]):
            found.append(f"{module} imports {name}, from an app that stands above it")
        elif package in APPS and own in HEIGHT and layer(name) != own and HEIGHT.get(layer(name), 0) >= HEIGHT[own]:
            found.append(f"{module} imports {name}, which does not stand below it")
    return found


def modules() -> dict[str, Path]:
    """Every module of the three packages by its dotted name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }


def test_imports_go_downward() -> None:
    found = [problem for module, path in modules().items() for problem in problems(module, path.read_text("utf-8"))]
    assert found == []


def test_the_table_names_nothing_that_is_not_there() -> None:
    assert set(HEIGHT) == {layer(module) for module in modules() if not module.startswith(SITE)}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("identity.ingest", "from engage.rules import parse"),
        ("identity.ingest", "import engage.rules"),
        ("identity.ingest", "from callout_site import settings"),
        ("engage.views.home", "import callout_site.settings"),
        ("identity.values", "from identity import payloads"),
        ("identity.models.person", "from identity.ingest import identify"),
        ("identity.caches", "from identity import tally"),
        ("engage.rules", "from identity.models import Person"),
        ("engage.rules", "from engage.models import Segment"),
        ("engage.audience", "def count():\n    from engage.rules import parse"),
        ("callout_site.wsgi", "async def serve():\n    import identity.tally"),
        ("engage.models.segment", "class Segment:\n    def save(self):\n        import json"),
        ("engage.models.segment", "from django.db.models.signals import post_save"),
        ("engage.models.segment", "from django.db.models import signals"),
        ("engage.apps", "from django.dispatch import receiver"),
        ("identity.models.person", "from .application import Application"),
        ("identity.models.person", "from . import application"),
        ("identity.models.person", "if True:\n    from identity.api import batch"),
        ("identity.new", ""),
        ("identity.values", "from identity import new"),
        ("engage.__init__", "from engage.models import Segment"),
    ],
)
def test_what_goes_upward_is_found(module: str, source: str) -> None:
    assert len(problems(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("identity.models.person", "from identity.models.application import Application"),
        ("identity.models.person", "from identity.values import Kind"),
        ("identity.ingest", "from identity import caches, tally\nimport json"),
        ("engage.views.home", "from identity.views.access import Access"),
        ("engage.rules", "from identity.values import Kind"),
        ("callout_site.wsgi", "from identity import tally\nimport engage.applications"),
        ("callout_site.demo_data", "import signal\nfrom callout_site import settings"),
    ],
)
def test_what_goes_downward_is_allowed(module: str, source: str) -> None:
    assert problems(module, source) == []
