"""What holds for every page of someone who signed in."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

# Pages that lead to a password of one's own, or out.
_OPEN_TO_ONE_TIME_PASSWORDS = frozenset({"password_first", "password_choose", "sign_out"})


class OwnPasswordMiddleware:
    """Leads everyone who signed in with a one-time password to choose their own, before anything else.

    The APIs have neither session nor user, and are left alone without asking for them. Pages read the user anyway."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        if request.path_info.startswith(("/v1/", "/api/v1/")):
            return None
        if not getattr(request.user, "must_choose_password", False):
            return None
        if request.resolver_match is not None and request.resolver_match.url_name in _OPEN_TO_ONE_TIME_PASSWORDS:
            return None
        # What was to be read comes afterwards; what was to be written is not repeated.
        page = request.get_full_path() if request.method == "GET" else "/"
        return redirect_to_login(page, resolve_url("password_first"))


class WholePageMiddleware:
    """Sends the whole page, not a part of it, to sign in or to choose a password.

    htmx follows a redirect by itself: when the session had ended, the sign-in page came to stand inside the page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "HX-Request" in request.headers and isinstance(response, HttpResponseRedirect):
            target = urlsplit(response.url).path
            if target == resolve_url("sign_in") and request.method == "POST":
                # A preview of what is being typed, which must not be lost: the page stays, and frame.js says why.
                return HttpResponse(status=401)
            if target in (resolve_url("sign_in"), resolve_url("password_first")):
                # Afterwards back to the page that is open, of which the request wanted only a part.
                try:
                    page = urlsplit(request.headers.get("HX-Current-URL", ""))._replace(scheme="", netloc="").geturl()
                except ValueError:  # no address at all
                    page = ""
                return HttpResponseClientRedirect(redirect_to_login(page or "/", target).url)
        return response
