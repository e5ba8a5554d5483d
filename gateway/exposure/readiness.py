"""Compile the kernels and let them prove themselves, before the gateway says that it is ready."""

import importlib
import math
from collections.abc import Callable, Iterator

import numpy as np

from gateway.domain.errors import OperationFailed
from gateway.domain.limits import Limit
from gateway.exposure import batch_kernels, bins, kernels, ring, sums
from gateway.exposure.compiler import forget_cache, give_up_compiling, is_compiled
from gateway.exposure.rolling import Samples, rolling_means
from gateway.exposure.streaming import Line, Streaming
from gateway.exposure.twin import Twin

_HOLD_S, _FULL_SCALE = 7.0, 500.0


def _series() -> Iterator[tuple[int, float, int, int]]:
    """A fixed, nasty half hour: irregular, with gaps, bad, over-range and absurd samples; multiplicative congruence."""
    t, seed = 1_700_000_000_000_000, 12_345
    for number in range(240):
        seed = seed * 16_807 % 2_147_483_647
        t += seed % 15_000_000 if number % 3 else seed % 400_000
        value = (seed % 100_000) / 7.0 - 20.0
        quality, reason = {11: (2, 6), 17: (1, 1), 19: (1, 4)}.get(number % 23, (0, 0))
        if number % 71 == 50:
            value = (1e308, math.nan, -math.inf)[number // 71]
        yield t, value, quality, reason


def _differences() -> Iterator[str]:
    live = Streaming([Line(_HOLD_S, _FULL_SCALE)])
    many = Streaming([Line(_HOLD_S, _FULL_SCALE)])
    twin = Twin([_HOLD_S], [_FULL_SCALE])
    rows = list(_series())
    for number, (t, value, quality, reason) in enumerate(rows):
        live.feed(0, t, value, quality, reason)
        twin.feed(0, t, value, quality, reason)
        if number == 100:
            live.start_shift(t)
            many.feed_many([0] * 101, *zip(*rows[:101], strict=True))
            many.start_shift(t)
            twin.start_shift(t)
        if number % 48 == 47 or number == len(rows) - 1:
            now = t + (3_000_000 if number == len(rows) - 1 else 0)
            if number == len(rows) - 1:
                many.feed_many([0] * (number - 100), *zip(*rows[101:], strict=True))
                many.advance(now)
                if many.figures(0, now)[5:] != live.figures(0, now)[5:]:
                    yield "a batch differs from the same samples one by one"
            for name, ours, theirs in zip(
                live.figures(0, now)._fields, live.figures(0, now), twin.figures(0, now), strict=True
            ):
                close = math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
                if not close and not (math.isnan(ours) and math.isnan(theirs)):
                    yield f"{name} of sample {number} is {ours}, expected {theirs}"
            eight = twin.long_window(0, now)
            if not math.isclose(live.long_window(0, now).total, float(eight.total) * 1e-6, rel_tol=1e-9):
                yield f"the 8 h window of sample {number} differs"


def _batch_differences() -> Iterator[str]:
    """The same half hour as a whole record, in windows that are shorter and longer than it."""
    rows = list(_series())
    times, values = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    twin = Twin([_HOLD_S], [math.nan])
    record = Samples(times, values)
    windows = {us: rolling_means(record, us, round(_HOLD_S * 1e6)) for us in (1_000_000, 60_000_000, 900_000_000)}
    whole = rolling_means(record, 28_800_000_000, round(_HOLD_S * 1e6))
    for number, (t, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
        twin.feed(0, t, value, 0)
        if number % 16 != 15:
            continue
        for us, found in (*windows.items(), (28_800_000_000, whole)):
            exact = twin.sums(0, t, t - us)
            low, covered = float(exact.total) / us, us - int(found.gaps_us[number])
            if not math.isclose(found.low[number], low, rel_tol=1e-9, abs_tol=1e-12) or covered != exact.covered_us:
                yield f"the window of {us} µs at sample {number} is {found.low[number]}, expected {low}"


def warm_up() -> bool:
    """Compile every streaming kernel and compare a fixed series with the slow twin; True if it runs compiled.

    Where numba cannot compile, the same kernels run in plain Python (logged). Raises OperationFailed when the
    numbers are wrong: a gateway that cannot calculate must not say that it watches.
    """
    return _prove(_problem)


def warm_up_batch() -> bool:
    """The same for the kernels that whole records pass through."""
    return _prove(lambda: next(_batch_differences(), None))


def _prove(problem_of: Callable[[], str | None]) -> bool:
    try:
        problem = problem_of()
    except Exception as error:
        if not is_compiled():
            raise
        problem = _problem_of_others(problem_of, error)
    if problem is not None:
        raise OperationFailed(f"the exposure kernels failed their self-check: {problem}")
    return is_compiled()


def _problem() -> str | None:
    """What is wrong with the streaming kernels; calls every one."""
    problem = next(_differences(), None)
    _call_rest()
    return problem


def _problem_of_others(problem_of: Callable[[], str | None], error: Exception) -> str | None:
    """The same with kernels that are compiled anew, or else are plain Python."""
    if forget_cache(error):
        try:
            return problem_of()
        except Exception as another:
            error = another
    give_up_compiling(error)
    for module in (sums, bins, ring, kernels, batch_kernels):  # each after those it imports from
        importlib.reload(module)
    return problem_of()


def _call_rest() -> None:
    live = Streaming([Line(_HOLD_S)])
    live.sample(0, 0, 1.0, 0)
    for minutes in (15, 60):
        limit = Limit("check", "CHECK", "co", "CO", "STEL", minutes, 1.0, "ppm", "self-check", "M")
        live.limit_figures(0, 1_000_000, [limit])
    live.load_small(live.dump_small())
