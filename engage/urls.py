from django.urls import include, path, re_path
from django.urls.resolvers import URLPattern, URLResolver

from engage.management_api import api
from engage.views import builder, help_pages, home, segment, segments, trait_definition, traits, values

# Slugs that a segment can't have, because a page, or a call of the API, stands there: engage/models/segment.py
# reserves them.
_segments: list[URLPattern | URLResolver] = [
    path("", segments.segments, name="segments"),
    path("create/", builder.create, name="segment_create"),
    path("preview/", builder.preview, name="segment_preview"),
    path("rule/", builder.rule_rest, name="segment_rule_rest"),
    path("traits/", traits.traits, name="traits"),
    path("traits/define/", trait_definition.define, name="trait_define"),
    path("traits/values/", values.values, name="trait_values"),
    path("<slug:segment_slug>/", segment.segment, name="segment"),
    path("<slug:segment_slug>/edit/", builder.edit, name="segment_edit"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(api.urlpatterns)),
    re_path("^api/v1$", api.not_found),
    path("", home.home, name="home"),
    path("help/operators/", help_pages.operators, name="help_operators"),
    path("<slug:application_slug>/", home.application_home, name="application"),
    path("<slug:application_slug>/engage/segments/", include(_segments)),
]
