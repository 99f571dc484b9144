from django.contrib.auth.views import LogoutView
from django.urls import path, re_path
from django.urls.resolvers import URLPattern

from identity import api
from identity.views import account

urlpatterns: list[URLPattern] = [
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
]
