"""The error table of SageMaker's calls, row by row, and what tests each.

The rows are those of table 3.2 in the facts about SageMaker's lifecycle, by their names there. What the service
answers (code, words) is in tests/testbed/sagemaker/refusals.py; what class and reason that is, over HTTP through the
real adapter, in tests/contract/test_sagemaker_refusals.py, for every row. Here is what comes of it for a user: the
condition, what it says, what else happens (nothing), how often it is sent, and the way out.

Slipway makes no inference components and registers no scalable targets. What other people's can do to it is tested;
of "IC delete busy", and of an inference component that is "not found", there is no path to a Deployment yet: their
class is in the contract test alone.
"""

ROWS: dict[str, tuple[str, ...]] = {
    "not found": (
        "test_names.test_an_endpoint_that_vanished_before_the_update",
        "test_names.test_a_model_that_vanished_before_its_config",
        "test_names.test_a_config_in_service_that_somebody_deleted",
    ),
    "exists": (
        "test_names.test_what_exists_and_is_ours_is_taken",
        "test_names.test_what_exists_and_is_somebody_elses_is_a_conflict",
    ),
    "busy": (
        "test_timing.test_an_endpoint_that_is_busy_when_it_is_to_be_updated",
        "test_timing.test_an_endpoint_that_is_busy_when_its_count_is_to_change",
        "test_timing.test_an_endpoint_that_is_busy_when_it_is_to_be_deleted",
    ),
    "config not yet visible": (
        "test_timing.test_a_config_that_a_creation_does_not_see_yet",
        "test_timing.test_a_config_that_an_update_does_not_see_yet",
    ),
    "role propagation / trust": (
        "test_refusals.test_a_role_that_cannot_be_assumed",
        "test_refusals.test_a_role_that_becomes_known_is_found_by_itself",
    ),
    "image tag": ("test_refusals.test_an_image_that_is_not_there",),
    "quota": (
        "test_refusals.test_a_quota_that_leaves_no_room_for_an_endpoint",
        "test_refusals.test_a_quota_that_leaves_no_room_for_a_second_fleet",
        "test_refusals.test_a_quota_that_leaves_no_room_for_more_instances",
    ),
    "capacity (async)": (
        "test_capacity.test_at_creation_it_waits_until_somebody_asks",
        "test_capacity.test_at_creation_another_instance_type_is_tried_at_once",
        "test_capacity.test_at_creation_it_is_tried_again_by_itself",
        "test_capacity.test_at_an_update_it_waits_until_somebody_asks",
        "test_capacity.test_at_an_update_it_is_tried_again_by_itself",
        "test_capacity.test_for_more_instances_it_waits_until_somebody_asks",
        "test_capacity.test_for_more_instances_it_is_tried_again_by_itself",
    ),
    "autoscaled variant, instance type changed": ("test_scalable_targets.test_another_instance_type",),
    "delete w/o permission": ("test_scalable_targets.test_a_deletion_without_the_permission",),
    "managed scaling w/o IC": ("test_refusals.test_words_that_slipway_does_not_know",),
    "IC too big": ("test_refusals.test_a_reason_of_failure_that_slipway_does_not_know",),
    "IC delete busy": ("tests.contract.test_sagemaker_refusals.test_each_row_has_its_class_and_reason",),
    "throttle": ("test_throttling.test_throttling_holds_everybody_and_passes",),
    "creds": (
        "test_credentials.test_a_permission_that_is_missing",
        "test_credentials.test_credentials_that_are_not_accepted",
        "test_credentials.test_a_session_that_has_expired_is_replaced_by_itself",
        "test_credentials.test_no_credentials_at_all",
    ),
}
