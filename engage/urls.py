from django.urls import include, path, re_path
from django.urls.resolvers import URLPattern, URLResolver

from engage.management_api import api
from engage.views import (
    builder,
    exchange,
    help_pages,
    history,
    home,
    segment,
    segments,
    trait,
    trait_definition,
    trait_management,
    traits,
    user,
    users,
    values,
)

# Slugs that a segment can't have, because a page, or a call of the API, stands there: engage/models/segment.py
# reserves them.
_segments: list[URLPattern | URLResolver] = [
    path("", segments.segments, name="segments"),
    path("create/", builder.create, name="segment_create"),
    path("export/", exchange.export_segments, name="segments_export"),
    path("import/", exchange.import_segments, name="segments_import"),
    path("preview/", builder.preview, name="segment_preview"),
    path("rule/", builder.rule_rest, name="segment_rule_rest"),
    path("traits/", traits.traits, name="traits"),
    path("traits/define/", trait_definition.define, name="trait_define"),
    path("traits/recount/", traits.recount, name="traits_recount"),
    path("traits/recounting/", traits.recounting, name="traits_recounting"),
    path("traits/values/", values.values, name="trait_values"),
    # By number, since keys may be anything.
    path("traits/<int:trait_id>/", trait.trait, name="trait"),
    path("traits/<int:trait_id>/received/", trait.received, name="trait_received"),
    path("traits/<int:trait_id>/manage/", trait_management.manage, name="trait_manage"),
    path("traits/<int:trait_id>/manage/again/", trait_management.again, name="trait_again"),
    path("traits/<int:trait_id>/manage/delete/", trait_management.delete, name="trait_delete"),
    path("traits/<int:trait_id>/manage/kind/", trait_management.kind, name="trait_kind"),
    path("traits/<int:trait_id>/manage/progress/", trait_management.progress, name="trait_progress"),
    path("traits/<int:trait_id>/manage/state/", trait_management.state, name="trait_state"),
    path("<slug:segment_slug>/", segment.segment, name="segment"),
    path("<slug:segment_slug>/delete/", segment.delete, name="segment_delete"),
    path("<slug:segment_slug>/edit/", builder.edit, name="segment_edit"),
    path("<slug:segment_slug>/history/", history.history, name="segment_history"),
    path("<slug:segment_slug>/history/<int:number>/restore/", history.restore, name="segment_restore"),
    path("<slug:segment_slug>/members/", segment.members, name="segment_members"),
    path("<slug:segment_slug>/members/csv/", segment.members_file, name="segment_members_file"),
    path("<slug:segment_slug>/why/", segment.why, name="segment_why"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(api.urlpatterns)),
    re_path("^api/v1$", api.not_found),
    path("", home.home, name="home"),
    path("help/operators/", help_pages.operators, name="help_operators"),
    path("<slug:application_slug>/", home.application_home, name="application"),
    path("<slug:application_slug>/engage/segments/", include(_segments)),
    path("<slug:application_slug>/users/", users.users, name="users"),
    path("<slug:application_slug>/users/<uuid:user_id>/", user.user, name="user"),
    path("<slug:application_slug>/users/<uuid:user_id>/export/", user.export, name="user_export"),
    path("<slug:application_slug>/users/<uuid:user_id>/erase/", user.erase, name="user_erase"),
]
