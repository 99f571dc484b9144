"""What a production server serves: `gunicorn callout_site.wsgi`."""

import gc
import os
import re
import sys
from collections.abc import Iterable
from typing import NoReturn
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from callout_site import database_url
from identity import tally


def _refuse(reason: str) -> NoReturn:
    print(reason, file=sys.stderr, flush=True)
    # To gunicorn 3 means that the next worker would fail as well; at any other code it tries again for ever.
    raise SystemExit(3)


def without_charset(application: WSGIApplication) -> WSGIApplication:
    """Everything here is UTF-8. Django would decode the address and the form by whatever charset a client names, before
    any of our code runs: `hex` ends in a 500, and `unicode_escape` in text that can't be stored."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        media_type, _, parameters = environ.get("CONTENT_TYPE", "").partition(";")
        # Of what may follow the type, only this is of use; a charset has more than one spelling.
        boundary = re.search(r"(?:^|;)\s*(boundary=[^;]*)", parameters, flags=re.IGNORECASE)
        environ["CONTENT_TYPE"] = f"{media_type}; {boundary[1]}" if boundary else media_type
        return application(environ, start_response)

    return answer


# `manage.py demo` sets both. Production data must not land in a database for demos, nor sessions end with each worker.
missing = [name for name in ("DATABASE_URL", "SECRET_KEY") if not os.environ.get(name)]
if missing:
    _refuse(f"To serve Callout, set {' and '.join(missing)} in the environment. To look around, run manage.py demo.")
try:
    database_url.check(os.environ["DATABASE_URL"])
except database_url.BadDatabaseURL as error:
    _refuse(str(error))
if not re.fullmatch(r"https?://[^\s/?#\[\]@]+/?", os.environ.get("CALLOUT_URL", "http://localhost")):
    _refuse("CALLOUT_URL must be the address that people type, like https://callout.example.com")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callout_site.settings")
try:
    application = without_charset(get_wsgi_application())
except ImproperlyConfigured as error:
    _refuse(str(error))
tally.start()
# All that has been loaded stays until the end. Frozen, it is no longer walked by each full collection, which cuts the
# slowest requests by a third.
gc.freeze()
