from django.urls import path, re_path
from django.urls.resolvers import URLPattern

from identity import api

urlpatterns: list[URLPattern] = [
    path("v1/identify", api.identify),
    path("v1/batch", api.batch),
    path("v1/health", api.health),
    re_path(r"^v1(?:/.*)?$", api.not_found),
]
