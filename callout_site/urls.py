"""The map of the site."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("identity.urls")),
    path("", include("engage.urls")),
]
