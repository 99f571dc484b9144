"""What gunicorn serves in a benchmark: the product's own wsgi, under the settings of the benchmark."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.settings"

from callout_site.wsgi import application

__all__ = ["application"]
