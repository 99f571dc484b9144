"""What the worker does in the background for identity. Each task can be begun again from its start."""

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import JobAborted

from identity import erasure, rewriting, uploads
from identity.models import Application, Person, Trait, TraitRewrite, User, UserImport


@transaction.atomic
def start_import(application: Application, file: UploadedFile, *, created_by: User) -> UserImport:
    """Keep an uploaded file of users, and let the worker import it."""
    kept = uploads.keep(application, file, created_by=created_by)
    # One after another for each application, so that nobody's files hold up those of others.
    kept.job_id = run_import.configure(lock=f"import:{application.pk}").defer(import_id=kept.pk)
    kept.save(update_fields=["job_id"])
    return kept


# A worker that ends, or loses the database, leaves the import to the next one: to import twice changes nothing.
@app.task(
    name="identity.run_import",
    pass_context=True,
    retry=RetryStrategy(max_attempts=20, wait=5, retry_exceptions=[JobAborted, OperationalError, InterfaceError]),
)
def run_import(context: JobContext, import_id: int) -> None:
    found = UserImport.objects.select_related("application").filter(pk=import_id, finished_at=None).first()
    if found is None:  # its application is gone
        return
    try:
        uploads.run(found, must_stop=context.should_abort)
    except uploads.Stopped as error:
        raise JobAborted from error
    except uploads.TakenOver:  # by a worker that took this one for dead
        return
    except IntegrityError:
        if UserImport.objects.filter(pk=import_id).exists():
            raise
        # Its application was deleted meanwhile.


@transaction.atomic
def start_rewrite(trait: Trait) -> None:
    """Let the worker bring the values that users have to what the trait says now, from the first user on."""
    # One after another for each trait: the second finds that the first has seen to all.
    job_id = rewrite_trait.configure(lock=f"rewrite:{trait.pk}").defer(trait_id=trait.pk)
    TraitRewrite.objects.update_or_create(
        trait=trait,
        defaults={
            "begun_at": timezone.now(),
            "users": Person.objects.filter(application=trait.application_id).count(),
            "looked_at": 0,
            "changed": 0,
            "position": None,
            "is_sweep": False,
            "finished_at": None,
            "job_id": job_id,
        },
    )


@app.task(
    name="identity.rewrite_trait",
    pass_context=True,
    retry=RetryStrategy(max_attempts=20, wait=5, retry_exceptions=[JobAborted, OperationalError, InterfaceError]),
)
def rewrite_trait(context: JobContext, trait_id: int) -> None:
    if not rewriting.run(trait_id, must_stop=context.should_abort):
        raise JobAborted


@app.periodic(cron="17 3 * * *")
@app.task(name="identity.forget_old_uploads")
def forget_old_uploads(timestamp: int) -> None:
    uploads.forget_old()


@app.periodic(cron="* * * * *")
@app.task(name="identity.sweep_erased_users")
def sweep_erased_users(timestamp: int) -> None:
    erasure.sweep(now=timezone.now())
