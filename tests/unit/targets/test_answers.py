"""One asks for all, for a while."""

import asyncio

import pytest

from slipway.targets.answers import Answers


class Source:
    def __init__(self, seconds: float) -> None:
        self.seconds, self.asked, self.broken = seconds, 0, False

    async def __call__(self) -> tuple[int, float]:
        await asyncio.sleep(0)
        self.asked += 1
        if self.broken:
            raise RuntimeError("no answer")
        return self.asked, self.seconds


async def test_a_hundred_callers_are_one_question() -> None:
    answers, source = Answers[int](), Source(60)
    assert await asyncio.gather(*(answers.get("q", source) for _ in range(100))) == [1] * 100
    assert await answers.get("another", source) == 2


async def test_an_answer_that_does_not_hold_is_asked_for_again() -> None:
    answers, source = Answers[int](), Source(0)
    assert [await answers.get("q", source) for _ in range(2)] == [1, 2]


async def test_a_failure_is_not_kept() -> None:
    answers, source = Answers[int](), Source(60)
    source.broken = True
    with pytest.raises(RuntimeError):
        await answers.get("q", source)
    source.broken = False
    assert await answers.get("q", source) == 2


async def test_answers_that_hold_no_more_take_no_room() -> None:
    answers, source = Answers[int](), Source(0)
    for number in range(50):
        await answers.get(number, source)
    assert len(answers._answers) == 1
    assert len(answers._asking) == 0
