"""Sign in and out, and passwords. Django's own views do the work; here they get our forms, words and templates."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, update_session_auth_hash
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from identity.forms import ChangePasswordForm, FirstPasswordForm, ForgottenPasswordForm, NewPasswordForm, SignInForm
from identity.models import User


class SignIn(auth.LoginView):
    template_name = "identity/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class PasswordForgotten(auth.PasswordResetView):
    """Asks for an address. The answer is the same whether there is an account or not."""

    template_name = "identity/password_forgotten.html"
    form_class = ForgottenPasswordForm
    subject_template_name = "identity/mail/password_subject.txt"
    email_template_name = "identity/mail/password.txt"
    success_url = reverse_lazy("password_forgotten_sent")

    def form_valid(self, form: ForgottenPasswordForm) -> HttpResponse:
        # The link leads where the operator says, not to whatever host the request named.
        days = settings.PASSWORD_RESET_TIMEOUT // 86_400
        self.extra_email_context = {"callout_url": settings.CALLOUT_URL, "days": days}
        return super().form_valid(form)


class PasswordForgottenSent(auth.PasswordResetDoneView):
    template_name = "identity/password_forgotten_sent.html"


class PasswordChoose(SuccessMessageMixin, auth.PasswordResetConfirmView):  # type: ignore[type-arg]
    """Where the link in the mail leads. It works once."""

    template_name = "identity/password_choose.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("sign_in")
    success_message = "Password saved. Sign in with it."


class PasswordChange(SuccessMessageMixin, auth.PasswordChangeView):  # type: ignore[type-arg]
    template_name = "identity/password_change.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("home")
    success_message = "Password saved. Other browsers are signed out."


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def password_first(request: HttpRequest) -> HttpResponse:
    """Where identity.middleware leads everyone who signed in with a one-time password."""
    user = cast(User, request.user)
    if not user.must_choose_password:
        # Without the old password this page is only for those who have none of their own yet.
        return redirect("home")
    form = FirstPasswordForm(user, request.POST if request.method == "POST" else None)
    next_page = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME)
    if not url_has_allowed_host_and_scheme(next_page, {request.get_host()}, require_https=request.is_secure()):
        next_page = None
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        messages.success(request, "Password saved.")
        return redirect(next_page or "home")
    return render(request, "identity/password_first.html", {"form": form, REDIRECT_FIELD_NAME: next_page})
