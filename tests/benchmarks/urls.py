"""The product's addresses, and an empty view to measure them by: it costs what any view costs on this server."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from callout_site.urls import handler400, handler500
from callout_site.urls import urlpatterns as product

__all__ = ["handler400", "handler500", "urlpatterns"]


@csrf_exempt
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns: list[URLPattern | URLResolver] = [path("v1/empty", empty), *product]
