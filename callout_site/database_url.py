"""What a DATABASE_URL must be, said before anything uses it: the settings would answer with a traceback."""

import dj_database_url
from psycopg import pq

EXAMPLE = "postgresql://user:password@localhost:5432/callout"
KNOWN_OPTIONS = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}


class BadDatabaseURL(ValueError):
    """DATABASE_URL is no address of a PostgreSQL database. The message never shows it, for it may hold a password."""


def check(address: str) -> None:
    """Raise BadDatabaseURL, with what to do, unless `address` names a PostgreSQL database."""
    try:
        database = dj_database_url.parse(address)
    except dj_database_url.UnknownSchemeError:
        problem = "DATABASE_URL does not begin with postgresql://"
    except ValueError:
        problem = "DATABASE_URL cannot be read; write special characters in user and password as %40 and the like"
    else:
        if database["ENGINE"] != "django.db.backends.postgresql":
            problem = "Callout needs PostgreSQL, and DATABASE_URL names another kind of database"
        elif not database["NAME"]:
            problem = "DATABASE_URL names no database after the host"
        elif database.get("OPTIONS", {}).keys() - KNOWN_OPTIONS:
            problem = "DATABASE_URL has an option after the ? that PostgreSQL does not know"
        else:
            return
    raise BadDatabaseURL(f"{problem}. For example: {EXAMPLE}")
