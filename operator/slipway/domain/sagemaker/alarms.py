"""The alarms of a roll: those to make, those to wait for, those to remove."""

from slipway.domain.conditions import Finding
from slipway.domain.sagemaker.failures import ALARM_RAISED
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.sagemaker.steps import DeleteAlarms, PutAlarm, Step

RAISED = "ALARM"
"""StateValue: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html"""


def missing_alarms(situation: Situation) -> tuple[Step, ...]:
    """Make those that are not there. Nothing if they were not looked at."""
    seen = situation.seen.alarms
    if seen is None:
        return ()
    wanted = situation.desired
    return tuple(PutAlarm(situation.owner, a, wanted.tags) for a in wanted.alarms if a.name not in seen)


def obsolete_alarms(situation: Situation) -> tuple[Step, ...]:
    """Remove those that were made for a former spec. Nothing if they were not looked at."""
    wanted = {alarm.name for alarm in situation.desired.alarms}
    names = tuple(sorted(set(situation.made_alarms) & set(situation.seen.alarms or ()) - wanted))
    return (DeleteAlarms(names),) if names else ()


def obstacle(situation: Situation) -> Plan | None:
    """Why a roll cannot begin: it would be rolled back at once, or be refused."""
    seen, watched = situation.seen.alarms, situation.desired.watched
    if seen is None:
        return None
    ours = {alarm.name for alarm in situation.desired.alarms}
    unknown = [name for name in watched if name not in seen and name not in ours]
    if unknown:
        text = (
            f"spec.rollout.alarms: there is no CloudWatch alarm {unknown[0]} in this account and region. Create it, "
            "or take it out of the list"
        )
        return Plan(attempt=situation.attempt, stalled=Finding("AlarmNotFound", text))
    raised = [name for name in watched if seen.get(name) == RAISED]
    if raised:
        text = (
            f"the alarm {raised[0]} is raised, so that SageMaker would roll back at once. The roll begins when it is "
            "over; to roll nevertheless, take it out of spec.rollout.alarms"
        )
        return Plan(attempt=situation.attempt, reconciling=Finding(ALARM_RAISED, text), look_again=True)
    return None


def remembered(situation: Situation, plan: Plan) -> tuple[str, ...]:
    """Names of the alarms that exist or may exist after a plan: what a deletion has to remove."""
    wanted, made = {alarm.name for alarm in situation.desired.alarms}, set(situation.made_alarms)
    if situation.seen.alarms is not None:
        made &= set(situation.seen.alarms)
    return tuple(sorted(wanted if plan.at_rest else wanted | made))
