"""Ages of lists, which come and go with the accounts in use."""

from slipway.telemetry.metrics import Metrics


def ages(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels[name] for name in ("region", "account", "role")): sample.value
        for family in metrics.registry.collect()
        if family.name == "slipway_endpoint_list_age_seconds"
        for sample in family.samples
    }


def test_a_list_that_is_not_kept_any_more_is_not_shown() -> None:
    metrics = Metrics()
    hide = metrics.show_list_age("eu-central-1", "1", "", lambda: 7.0)
    metrics.show_list_age("eu-central-1", "2", "role", lambda: 8.0)
    assert ages(metrics) == {("eu-central-1", "1", ""): 7.0, ("eu-central-1", "2", "role"): 8.0}
    hide()
    assert ages(metrics) == {("eu-central-1", "2", "role"): 8.0}


def test_a_list_that_came_in_the_place_of_another_stays() -> None:
    metrics = Metrics()
    hide = metrics.show_list_age("eu-central-1", "2", "role", lambda: 7.0)
    metrics.show_list_age("eu-central-1", "2", "role", lambda: 8.0)
    hide()
    assert ages(metrics) == {("eu-central-1", "2", "role"): 8.0}
