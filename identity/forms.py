"""Forms of the account pages, which are Django's own with our words, and of Settings."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from identity.models import User, Verification
from identity.models.trait import DESCRIPTION_LENGTH, LABEL_LENGTH
from identity.models.user_import import FILE_NAME_LENGTH
from identity.origins import canonical_origins
from identity.uploads import IMPORTS_WAITING, UPLOAD_BYTES
from identity.values import Kind, check_key


class FocusedForm(forms.BaseForm):
    """The cursor in the first field that is wrong, so that typing and reading aloud begin where something is to be
    done."""

    def full_clean(self) -> None:
        super().full_clean()
        for name in self.fields:
            if name in self.errors:
                self._focus(name)
                break

    def _focus(self, chosen: str) -> None:
        for name, field in self.fields.items():
            field.widget.attrs.pop("autofocus", None)
            if name == chosen:
                field.widget.attrs["autofocus"] = True


class AccountForm(FocusedForm):
    """Our look; and the cursor in the first field while none is wrong."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "field"
        self._focus(next(iter(self.fields)))


class SignInForm(AccountForm, AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        username, password = self.fields["username"], self.fields["password"]
        username.label = "E-mail address"
        # The type gives phones the right keyboard; "username" lets password managers find both fields.
        username.widget.input_type = "email"
        username.error_messages["required"] = "Enter your e-mail address."
        password.error_messages["required"] = "Enter your password."

    def get_invalid_login_error(self) -> ValidationError:
        # One answer for an unknown address, a wrong password and a closed account: it tells nobody who has one.
        return ValidationError({"password": "E-mail address and password don’t match."})


class ForgottenPasswordForm(AccountForm, PasswordResetForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email = self.fields["email"]
        email.label = "E-mail address"
        email.error_messages |= {
            "required": "Enter your e-mail address.",
            "invalid": "Enter an e-mail address, like maya@example.com.",
        }
        email.widget.attrs["autocomplete"] = "username"

    def get_users(self, email: str) -> Iterator[User]:
        # Django leaves out accounts without a password, but for ours this is the way to get one.
        return iter(User.objects.filter(email=email.lower(), is_active=True))


class NewPasswordForm(AccountForm, SetPasswordForm):  # type: ignore[type-arg]
    """A new password, typed twice. Whoever chooses one has a password of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first, second = self.fields["new_password1"], self.fields["new_password2"]
        first.label, second.label = "New password", "New password again"
        first.help_text, second.help_text = "At least 10 characters. A few unusual words are easy to keep in mind.", ""
        first.error_messages["required"] = "Enter a new password."
        second.error_messages["required"] = "Enter the new password again."
        self.error_messages = self.error_messages | {"password_mismatch": "The two passwords differ."}

    def clean(self) -> dict[str, Any]:
        # Django puts what is wrong with the password at its repetition.
        self.validate_passwords("new_password1", "new_password2")
        self.validate_password_for_user(self.user, "new_password1")
        return self.cleaned_data

    def save(self, commit: bool = True) -> User:
        self.user.must_choose_password = False
        user: User = super().save(commit)
        return user


class FirstPasswordForm(NewPasswordForm):
    """For an account that was made with a password which someone else has seen."""

    def clean_new_password1(self) -> str:
        password: str = self.cleaned_data["new_password1"]
        if self.user.check_password(password):
            raise ValidationError("This is the password that you were given. Choose another one.", code="unchanged")
        return password


class ChangePasswordForm(NewPasswordForm, PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Current password"
        self.fields["old_password"].error_messages["required"] = "Enter your current password."
        self.error_messages = self.error_messages | {"password_incorrect": "This is not your current password."}


class VerificationForm(forms.Form):
    """Which calls must be signed."""

    mode = forms.ChoiceField(
        label="Calls with a public key that name a user",
        choices=[
            (Verification.OFF, "Off: signatures are not looked at"),
            (Verification.REPORT, "Report: unsigned calls go through and are counted"),
            (Verification.REQUIRED, "Required: unsigned calls are refused"),
        ],
        widget=forms.RadioSelect,
    )


class OriginsForm(FocusedForm, forms.Form):
    """Origins, one in a line, as a list of how browsers write them."""

    origins = forms.CharField(
        label="Origins that may call",
        required=False,
        max_length=10_000,
        help_text="One in each line, like https://app.example.com. With none, pages of every site may call.",
        widget=forms.Textarea(attrs={"class": "field key", "rows": 4, "spellcheck": "false"}),
    )

    def clean_origins(self) -> list[str]:
        return canonical_origins(line for line in self.cleaned_data["origins"].splitlines() if line.strip())


class ServerOnlyForm(FocusedForm, forms.Form):
    """The key of a trait."""

    key = forms.CharField(
        label="Trait",
        strip=False,
        widget=forms.TextInput(attrs={"class": "field key", "list": "traits", "autocomplete": "off"}),
        error_messages={"required": "Choose a trait, or type the key of a new one."},
    )

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        problem = check_key(key)
        if problem:
            raise ValidationError(problem.message)
        return key


KIND_CHOICES = [
    (Kind.STRING, "string: text, such as pro"),
    (Kind.NUMBER, "number: such as 12 or 9.5"),
    (Kind.BOOLEAN, "boolean: true or false"),
    (Kind.DATE, "date: a day, or a moment"),
]


class TraitForm(FocusedForm, forms.Form):
    """A trait that no one sends yet."""

    key = forms.CharField(
        label="Key",
        help_text="The name under which your app sends it, to the letter: trialEndsAt.",
        widget=forms.TextInput(
            attrs={"class": "field key", "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        ),
        error_messages={"required": "Enter the key."},
    )
    kind = forms.ChoiceField(choices=KIND_CHOICES, widget=forms.Select(attrs={"class": "field"}))
    description = forms.CharField(
        required=False,
        max_length=DESCRIPTION_LENGTH,
        help_text="What it means, for your team. You can leave it empty.",
        widget=forms.TextInput(attrs={"class": "field", "autocomplete": "off", "dir": "auto"}),
    )


class TraitDetailsForm(FocusedForm, forms.Form):
    """What people say of a trait."""

    label = forms.CharField(
        required=False,
        max_length=LABEL_LENGTH,
        help_text="A name for people, such as Team size. The key stays as your app sends it.",
        widget=forms.TextInput(attrs={"class": "field", "autocomplete": "off", "dir": "auto"}),
    )
    description = forms.CharField(
        required=False,
        max_length=DESCRIPTION_LENGTH,
        help_text="What it means, for your team.",
        widget=forms.TextInput(attrs={"class": "field", "autocomplete": "off", "dir": "auto"}),
    )
    server_only = forms.BooleanField(required=False, label="Only from a server")


class TraitDeletionForm(forms.Form):
    """What becomes of the key of a trait once its values are removed."""

    afterwards = forms.ChoiceField(
        label="When your app sends it again",
        choices=[
            ("ignore", "Ignore it: Callout leaves it out of every call, and the call is told so"),
            ("forget", "Take it as new: the next call that sends it brings the trait back"),
        ],
        initial="ignore",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what becomes of it."},
    )


class UploadForm(FocusedForm, forms.Form):
    """A file of users."""

    file = forms.FileField(
        max_length=FILE_NAME_LENGTH,
        help_text="CSV with a column “id”, or JSON lines, of at most 200 MB.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
        widget=forms.FileInput(attrs={"class": "field", "accept": ".csv,.tsv,.txt,.jsonl,.ndjson,.json"}),
    )

    def __init__(self, *args: Any, unfinished: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unfinished = unfinished

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if self._unfinished >= IMPORTS_WAITING:
            raise ValidationError(f"{self._unfinished} files are waiting already. Import this one when they are done.")
        if (file.size or 0) > UPLOAD_BYTES:
            raise ValidationError("The file is larger than 200 MB. Split it, or have it imported by command.")
        return file
