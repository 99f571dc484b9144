"""Who may see a page: an application is loaded together with the teammate who asks, and to everyone else it is 404."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from identity.models import Application, Teammate, User

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Access:
    """A teammate in one of their applications."""

    application: Application
    teammate: Teammate
    # All applications of the one who signed in, for the switcher.
    applications: list[Application]

    @property
    def user(self) -> User:
        return self.teammate.user

    def must_edit(self) -> None:
        """Raise PermissionDenied for a teammate who only reads."""
        if not self.teammate.can_edit:
            raise PermissionDenied

    def must_own(self) -> None:
        """Raise PermissionDenied for everyone but an owner."""
        if not self.teammate.is_owner:
            raise PermissionDenied

    def page(self, request: HttpRequest, template: str, *, status: int = 200, **context: object) -> HttpResponse:
        """A page, or a fragment of one, in the frame of the application."""
        frame = {"application": self.application, "teammate": self.teammate, "applications": self.applications}
        response = render(request, template, frame | context, status=status)
        # The same address answers htmx with a fragment, which no cache may show as the page.
        patch_vary_headers(response, ["HX-Request"])
        return response


def for_teammates(
    view: Callable[Concatenate[HttpRequest, Access, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """A view of an application's page: takes its slug, hands over the access. Times are in the application's zone."""

    def answer(request: HttpRequest, application_slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        teammates = Teammate.objects.filter(user=cast(User, request.user)).select_related("application", "user")
        by_slug = {teammate.application.slug: teammate for teammate in teammates.order_by("application__name")}
        if application_slug not in by_slug:
            raise Http404
        teammate = by_slug[application_slug]
        access = Access(teammate.application, teammate, [other.application for other in by_slug.values()])
        with timezone.override(teammate.application.zone):
            return view(request, access, *args, **kwargs)

    return login_required(functools.update_wrapper(answer, view))
