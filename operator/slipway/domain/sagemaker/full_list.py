"""One full list of endpoints that takes its time: what is gone shows page by page, not only at its end.

A list in one go is a burst of a call for each hundred endpoints. Spread over minutes it costs the same and hurts
nobody; but what is deleted right behind the list would be missed two intervals later, if it had to end first. The
pages come newest first, so what should have stood before the end of a page and did not is gone.
"""

from collections.abc import Iterable, Sequence

from slipway.domain.sagemaker.observation import EndpointSummary


class FullList:
    """What of the known endpoints the list has not met yet. Names are in lower case: SageMaker does not tell case."""

    def __init__(self, known: Iterable[EndpointSummary]) -> None:
        """`known`: what was there, as far as anybody knew, when the first page was asked for."""
        self._unmet = {endpoint.name.lower(): endpoint.created for endpoint in known}

    def met(self, names: Iterable[str]) -> None:
        """These are there, as another answer than a page has shown: one that was made anew stands further ahead."""
        for name in names:
            self._unmet.pop(name.lower(), None)

    def page(self, rows: Sequence[EndpointSummary], *, last: bool) -> list[str]:
        """The names of what is gone, in the light of the next page (newest first); `last`: there is no further one.

        Endpoints that were created in the very moment in which the last row was may stand on the next page.
        """
        self.met(row.name for row in rows)
        if last:
            gone = list(self._unmet)
        elif rows:
            gone = [name for name, created in self._unmet.items() if created > rows[-1].created]
        else:
            gone = []
        self.met(gone)
        return gone
