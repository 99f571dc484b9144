from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path
from django.urls.resolvers import URLPattern, URLResolver

from identity import api
from identity.views import account, imports, settings

_settings: list[URLPattern | URLResolver] = [
    path("", settings.settings, name="settings"),
    path("install/", settings.install, name="settings_install"),
    path("install/last/", settings.last_identify, name="settings_last_identify"),
    path("import/", imports.imports, name="settings_imports"),
    path("import/<int:import_id>/", imports.user_import, name="settings_import"),
    path("import/<int:import_id>/progress/", imports.progress, name="settings_import_progress"),
    path("import/<int:import_id>/refused/", imports.refused, name="settings_import_refused"),
    path("keys/", settings.keys, name="settings_keys"),
    re_path("^keys/create/(?P<kind>public|secret)/$", settings.key_create, name="settings_key_create"),
    path("keys/<int:key_id>/revoke/", settings.key_revoke, name="settings_key_revoke"),
    path("verification/", settings.verification, name="settings_verification"),
    path("verification/mode/", settings.verification_mode, name="settings_verification_mode"),
    path("verification/origins/", settings.origins, name="settings_origins"),
    path("verification/server-only/", settings.server_only, name="settings_server_only"),
    path("verification/secrets/add/", settings.secret_add, name="settings_secret_add"),
    path("verification/secrets/<int:secret_id>/", settings.secret_show, name="settings_secret_show"),
    path("verification/secrets/<int:secret_id>/retire/", settings.secret_retire, name="settings_secret_retire"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/identify", api.identify),
    path("v1/i", api.identify),
    path("v1/batch", api.batch),
    path("v1/b", api.batch),
    *(path(f"v1/{event}", api.other) for event in "tpgas"),  # Segment's track, page, group, alias and screen
    path("v1/health", api.health),
    re_path(r"^v1(?:/[\s\S]*)?$", api.not_found),
    path("sign-in/", account.SignIn.as_view(), name="sign_in"),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("password/forgotten/", account.PasswordForgotten.as_view(), name="password_forgotten"),
    path("password/forgotten/sent/", account.PasswordForgottenSent.as_view(), name="password_forgotten_sent"),
    path("password/choose/<uidb64>/<token>/", account.PasswordChoose.as_view(), name="password_choose"),
    path("password/change/", account.PasswordChange.as_view(), name="password_change"),
    path("password/first/", account.password_first, name="password_first"),
    path("<slug:application_slug>/settings/", include(_settings)),
]
