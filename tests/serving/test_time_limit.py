"""One timer for all who wait: nobody waits for longer, and nobody is given up too soon."""

from __future__ import annotations

import asyncio

import pytest

from serving.time_limit import TimeLimit


def test_whatever_is_not_done_in_time_fails() -> None:
    async def scenario() -> None:
        limit = TimeLimit(0.02)
        futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
        for future in futures:
            limit.watch(future)
        futures[1].set_result("done")
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert [type(each) for each in outcomes] == [TimeoutError, str, TimeoutError]

    asyncio.run(scenario())


def test_each_has_the_whole_time_from_when_it_came() -> None:
    async def scenario() -> None:
        loop, seconds = asyncio.get_running_loop(), 0.05
        limit, waited = TimeLimit(seconds), []
        for _ in range(3):
            future = loop.create_future()
            limit.watch(future)
            began = loop.time()
            # Somebody else comes half-way, whose answer comes at once.
            await asyncio.sleep(seconds / 2)
            answered = loop.create_future()
            limit.watch(answered)
            answered.set_result(None)
            with pytest.raises(TimeoutError):
                await future
            waited.append(loop.time() - began)
        assert min(waited) >= seconds * 0.99

    asyncio.run(scenario())


def test_it_goes_on_after_all_were_done_and_in_another_loop() -> None:
    limit = TimeLimit(0.02)

    async def scenario() -> None:
        for _ in range(2):
            answered, silent = (asyncio.get_running_loop().create_future() for _ in range(2))
            limit.watch(answered)
            answered.set_result(None)
            await asyncio.sleep(0.03)
            limit.watch(silent)
            with pytest.raises(TimeoutError):
                await silent
        await asyncio.sleep(0.03)

    asyncio.run(scenario())
    asyncio.run(scenario())
