"""When what was refused is tried again, with the pauses that an installation has unless it sets others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.domain.installation import Timing
from slipway.reconcilers.retries import Retries
from tests.unit.loop.fakes import FakeClock, key

TWIN = key("twin")
KNOWN_EVERYWHERE = 120.0
"""Seconds that a new role of IAM may take, and that Terraform's CreateModel is tried again for
(https://github.com/hashicorp/terraform-provider-aws, internal/service/sagemaker/model.go)."""


def tries(error: OutsideError, seconds: float) -> list[float]:
    """When it is tried again, in seconds after the first refusal, up to the first try after so many."""
    retries, found = Retries(Timing(), FakeClock(0.0)), [0.0]
    while found[-1] <= seconds:
        found.append(found[-1] + retries.record(TWIN, "the same", error))
    return found[1:]


@given(st.data())
def test_a_new_role_is_found_soon_after_it_is_known(data: st.DataObject) -> None:
    late = data.draw(st.floats(0, KNOWN_EVERYWHERE), "seconds until the role is known")
    found = tries(Rejected("RoleNotAssumable", "Could not assume role x."), late)[-1]
    assert found <= 3 * late + 15.0, "each pause is at most twice what has passed, and the first"
    assert len(tries(Rejected("RoleNotAssumable", "no"), KNOWN_EVERYWHERE)) >= 4


def test_one_that_never_will_do_is_asked_for_every_few_minutes_at_most() -> None:
    assert len(tries(Rejected("RoleNotAssumable", "no"), 3600.0)) <= 30


@pytest.mark.parametrize("error", [Rejected("No", "no"), NotFound("No", "no"), Conflict("No", "no")])
def test_what_was_refused_rests_longer_than_what_may_pass(error: OutsideError) -> None:
    assert tries(Transient("EndpointConfigNotVisible", "not yet"), 0.0)[0] <= 2.0 < 7.5 <= tries(error, 0.0)[0]


def test_throttling_waits_at_least_as_long_as_was_asked_for() -> None:
    assert tries(RateLimited("AwsThrottled", "Rate exceeded", 5.0), 0.0)[0] >= 5.0
