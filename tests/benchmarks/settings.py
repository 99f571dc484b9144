"""The product's settings, with one address more."""

from callout_site.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
