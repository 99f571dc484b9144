"""Settings: how users get in. Everyone of the team reads it; owners change it, and editors what is about traits."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from identity import configuration
from identity.forms import OriginsForm, ServerOnlyForm, VerificationForm
from identity.models import IdentitySecret, Key, Verification
from identity.models.application import IDENTITY_SECRET_SLOTS
from identity.traits import change_trait
from identity.views.access import Access, for_teammates


@require_safe
@for_teammates
def settings(request: HttpRequest, access: Access) -> HttpResponse:
    return redirect("settings_install", access.application.slug)


@require_safe
@for_teammates
def install(request: HttpRequest, access: Access) -> HttpResponse:
    public_key = Key.objects.live().public().filter(application=access.application).latest("created_at")
    base_url = request.build_absolute_uri("/").rstrip("/")
    return access.page(request, "identity/settings/install.html", public_key=public_key, base_url=base_url)


@require_safe
@for_teammates
def last_identify(request: HttpRequest, access: Access) -> HttpResponse:
    """The part of the page that proves that it works, asked for again and again."""
    return access.page(request, "identity/settings/_last_identify.html")


# Keys


@require_safe
@for_teammates
def keys(request: HttpRequest, access: Access) -> HttpResponse:
    return _keys_page(request, access)


def _keys_page(request: HttpRequest, access: Access, made: Key | None = None, text: str = "") -> HttpResponse:
    live = Key.objects.live().filter(application=access.application).order_by("-created_at", "-id")
    groups = [
        ("public", "Public keys", "Stand in web pages, where anyone can read them.", live.public()),
        (
            "secret",
            "Secret keys",
            "For your servers. Nobody else may see them; only their beginnings are kept.",
            live.secret(),
        ),
    ]
    return access.page(request, "identity/settings/keys.html", groups=groups, made=made, text=text)


@never_cache
@require_POST
@for_teammates
def key_create(request: HttpRequest, access: Access, kind: str) -> HttpResponse:
    """Answers with the page itself, since nothing may keep the text of a secret key until another one is asked for."""
    access.must_own()
    if kind == "public":
        made = configuration.add_public_key(access.application)
        messages.success(request, f"Public key {made} made. The ones before it go on working until you revoke them.")
        return redirect("settings_keys", access.application.slug)
    made, text = configuration.add_secret_key(access.application)
    return _keys_page(request, access, made=made, text=text)


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def key_revoke(request: HttpRequest, access: Access, key_id: int) -> HttpResponse:
    access.must_own()
    key = get_object_or_404(Key.objects.live(), pk=key_id, application=access.application)
    problem = ""
    if request.method == "POST":
        try:
            configuration.revoke_key(key)
        except ValidationError as error:
            problem = " ".join(error.messages)
        else:
            messages.success(request, f"{key} is revoked. Calls with it are refused within seconds.")
            return redirect("settings_keys", access.application.slug)
    status = 422 if problem else 200
    return access.page(request, "identity/settings/key_revoke.html", key=key, problem=problem, status=status)


# Identity verification


@require_safe
@for_teammates
def verification(request: HttpRequest, access: Access) -> HttpResponse:
    return _verification_page(request, access)


def _verification_page(
    request: HttpRequest,
    access: Access,
    *,
    mode_form: VerificationForm | None = None,
    origins_form: OriginsForm | None = None,
    server_only_form: ServerOnlyForm | None = None,
    confirming: bool = False,
) -> HttpResponse:
    application = access.application
    mode_form = mode_form or VerificationForm(initial={"mode": application.verification})
    origins_form = origins_form or OriginsForm(initial={"origins": "\n".join(application.origins)})
    server_only_form = server_only_form or ServerOnlyForm()
    return access.page(
        request,
        "identity/settings/verification.html",
        mode_form=mode_form,
        origins_form=origins_form,
        server_only_form=server_only_form,
        confirming=confirming,
        secrets=application.identity_secrets.all(),
        has_room=application.identity_secrets.count() < len(IDENTITY_SECRET_SLOTS),
        server_only=application.traits.filter(server_only=True),
        traits=application.traits.filter(server_only=False),
        status=422 if mode_form.errors or origins_form.errors or server_only_form.errors else 200,
    )


@require_POST
@for_teammates
def verification_mode(request: HttpRequest, access: Access) -> HttpResponse:
    access.must_own()
    application = access.application
    form = VerificationForm(request.POST)
    if not form.is_valid():
        return _verification_page(request, access, mode_form=form)
    mode = Verification(form.cleaned_data["mode"])
    if mode == Verification.REQUIRED != application.verification and "confirmed" not in request.POST:
        return _verification_page(request, access, mode_form=form, confirming=True)
    configuration.set_verification(application, mode=mode)
    said = {
        Verification.OFF: "Signatures are no longer looked at.",
        Verification.REPORT: "Unsigned calls are counted from now on.",
        Verification.REQUIRED: "Unsigned calls with a public key are refused from now on.",
    }
    messages.success(request, said[mode])
    return redirect("settings_verification", application.slug)


@require_POST
@for_teammates
def origins(request: HttpRequest, access: Access) -> HttpResponse:
    access.must_own()
    form = OriginsForm(request.POST)
    if not form.is_valid():
        return _verification_page(request, access, origins_form=form)
    configuration.set_origins(access.application, origins=form.cleaned_data["origins"])
    count = len(access.application.origins)
    pages = "Pages of every site may call." if not count else f"Only pages of {count} listed may call."
    messages.success(request, pages)
    return redirect("settings_verification", access.application.slug)


@require_POST
@for_teammates
def server_only(request: HttpRequest, access: Access) -> HttpResponse:
    """Mark a trait as written only from a server, or with `remove` let everyone write it again."""
    access.must_edit()
    form = ServerOnlyForm(request.POST)
    if not form.is_valid():
        return _verification_page(request, access, server_only_form=form)
    key, only = form.cleaned_data["key"], "remove" not in request.POST
    try:
        change_trait(access.application, key=key, server_only=only, by=access.user)
    except ValidationError as error:
        form.add_error(None, error)
        return _verification_page(request, access, server_only_form=form)
    who = "Only calls with a secret key" if only else "All calls"
    messages.success(request, f"{who} can write {key} from now on.")
    return redirect("settings_verification", access.application.slug)


@require_POST
@for_teammates
def secret_add(request: HttpRequest, access: Access) -> HttpResponse:
    access.must_own()
    try:
        configuration.add_identity_secret(access.application)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "Identity secret made. Signatures with it are good at once.")
    return redirect("settings_verification", access.application.slug)


def _secret(access: Access, secret_id: int) -> IdentitySecret:
    access.must_own()
    return get_object_or_404(access.application.identity_secrets, pk=secret_id)


@never_cache
@require_safe
@for_teammates
def secret_show(request: HttpRequest, access: Access, secret_id: int) -> HttpResponse:
    return access.page(request, "identity/settings/secret.html", secret=_secret(access, secret_id))


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def secret_retire(request: HttpRequest, access: Access, secret_id: int) -> HttpResponse:
    secret = _secret(access, secret_id)
    if request.method == "POST":
        configuration.retire_identity_secret(secret)
        messages.success(request, "Identity secret retired. What was signed with it counts as unsigned.")
        return redirect("settings_verification", access.application.slug)
    others = access.application.identity_secrets.exclude(pk=secret.pk).count()
    return access.page(request, "identity/settings/secret_retire.html", secret=secret, others=others)
