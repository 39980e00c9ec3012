"""`slipway uninstall-guard`: looks before an uninstallation whether the operator is still needed."""

from collections.abc import Callable

from slipway.domain.errors import NotFound, OutsideError
from slipway.domain.uninstall import Held, held, refusal, unseen
from slipway.kube import Kube, load_configuration
from slipway.loop.store import Object
from slipway.settings import Settings

NOTHING_LEFT, STILL_NEEDED, NOT_KNOWN = 0, 1, 2
"""Exit statuses."""


async def run(settings: Settings, say: Callable[[str], None], to_keep: str | None = None) -> int:
    """Look in the namespaces that this installation watches. Returns an exit status; `say` takes the reason.

    `to_keep`: the command that keeps a Helm release after a refusal, for the message.
    """
    try:
        found = await _look(settings)
    except OutsideError as failure:
        say(
            f"It cannot be seen whether Deployments of slipway.dev still need the operator: {failure.message}\n"
            f"Nothing was uninstalled. {unseen(to_keep)}"
        )
        return NOT_KNOWN
    reason = refusal(found, to_keep)
    if reason is None:
        say("No Deployment of slipway.dev needs the operator any more.")
        return NOTHING_LEFT
    say(reason)
    return STILL_NEEDED


async def _look(settings: Settings) -> list[Held]:
    kube = Kube(await load_configuration(1), timeout=settings.request_timeout)
    try:
        listed: list[Object] = []
        watched: list[str | None] = [*settings.namespaces]
        for namespace in watched or [None]:
            listed += [deployment async for deployment in kube.each("Deployment", namespace)]
        return held(listed)
    except NotFound:  # the CRDs are gone, and with them every object
        return []
    finally:
        await kube.close()
